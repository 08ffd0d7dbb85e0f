//! Every command with its options, used rightly and wrongly.

use crate::running::{LINEAR, SHAPES, table};

#[test]
fn nothing_asked_and_help() {
    table(&[
        (
            &[],
            0,
            &["backprove derive 'Y = X @ W.T + b' --where 'X[S,M]; W[N,M]; b[N]'"],
            &[],
        ),
        (&["--version"], 0, &["backprove 0."], &[]),
        (
            &["--help"],
            0,
            &["derive", "check", "emit", "help COMMAND"],
            &[],
        ),
        (&["help"], 0, &["derive", "check", "emit"], &[]),
        (
            &["derive", "--help"],
            0,
            &["Examples:", "--where", "--output page.html", "Exit status:"],
            &[],
        ),
        (
            &["check", "--help"],
            0,
            &["Examples:", "--claim 'dL/dX = dY @ W.T'"],
            &[],
        ),
        (
            &["help", "emit"],
            0,
            &[
                "Examples:",
                "emit numpy",
                "emit torch",
                "emit jax",
                "emit rust",
            ],
            &[],
        ),
        (&["derive", "-h"], 0, &["--detail"], &[]),
    ]);
}

#[test]
fn derive_succeeds() {
    let given = |rest: &[&'static str]| -> Vec<&'static str> {
        [&["derive", LINEAR, "--where", SHAPES], rest].concat()
    };
    table(&[
        (
            &given(&[]),
            0,
            &["Result", "dW = dY.T @ X", "db = ", "dX = dY @ W"],
            &[],
        ),
        (&given(&["--wrt", "W"]), 0, &["dW = dY.T @ X"], &[]),
        (
            &given(&["--wrt", "W, b", "--wrt", "W"]),
            0,
            &["dW = dY.T @ X", "db = "],
            &[],
        ),
        (&given(&["--order", "vjp"]), 0, &["dW = dY.T @ X"], &[]),
        (&given(&["--format", "text"]), 0, &["Result"], &[]),
        (
            &given(&["--format", "latex"]),
            0,
            &["\\documentclass", "\\end{document}"],
            &[],
        ),
        (
            &given(&["--format", "markdown"]),
            0,
            &["# ", "$", "dW = dY.T @ X"],
            &[],
        ),
        (
            &given(&["--format", "html"]),
            0,
            &["<!DOCTYPE html>", "<math", "</html>"],
            &[],
        ),
        (
            &given(&["--format", "json"]),
            0,
            &["\"schema\"", "\"dY.T @ X\"", "\"steps\""],
            &[],
        ),
        (
            &given(&["--detail", "headline"]),
            0,
            &["dW = dY.T @ X"],
            &[],
        ),
        (&given(&["--detail", "working"]), 0, &["dW = dY.T @ X"], &[]),
        (
            &given(&["--detail", "all"]),
            0,
            &["dW = dY.T @ X", "field"],
            &[],
        ),
        (&given(&["--color", "always"]), 0, &["\u{1b}["], &[]),
        (&["derive", "linear.bp"], 0, &["dW = dY.T @ X"], &[]),
        (&["derive", "./linear.bp", "--wrt=b"], 0, &["db = "], &[]),
        (&["derive", "notepad.bp"], 0, &["dW = dY.T @ X"], &[]),
        (
            &[
                "derive",
                "G[S,N]; X[S,M]; W[N,M]; Y = X @ W.T",
                "--cotangent",
                "G",
            ],
            0,
            &["G.T @ X"],
            &[],
        ),
        (
            &[
                "derive",
                "np.mean((y - X @ w)**2)",
                "--where",
                "X[S,M]; w[M]; y[S]: constant # data",
            ],
            0,
            &["dw = "],
            &[],
        ),
    ]);
}

#[test]
fn check_answers() {
    let given = |rest: &[&'static str]| -> Vec<&'static str> {
        [&["check", LINEAR, "--where", SHAPES], rest].concat()
    };
    table(&[
        (&given(&[]), 0, &["verified", "field"], &[]),
        (
            &given(&["--seed", "7", "--wrt", "b"]),
            0,
            &["verified"],
            &[],
        ),
        (&["check", "linear.bp"], 0, &["verified"], &[]),
        (
            &given(&["--claim", "dL/dW = dY.T @ X"]),
            0,
            &["dY.T @ X"],
            &[],
        ),
        (&given(&["--claim", "dL/dW = (X.T @ dY).T"]), 0, &[], &[]),
        (&given(&["--claim", "dL/db = dL/dY"]), 1, &["S×N"], &[]),
        (&given(&["--claim", "dL/dX = dY @ W.T"]), 1, &[], &[]),
        (
            &given(&["--claim", "dL/dX = dY @ W", "--claim", "dL/db = dY"]),
            1,
            &[],
            &[],
        ),
        (&given(&["--claim", "dL/db = -dY.sum(axis=0)"]), 1, &[], &[]),
        (&given(&["--claim", ""]), 2, &[], &["error["]),
        (
            &given(&["--claim", "dL/db"]),
            2,
            &[],
            &["error[", "--claim:1:"],
        ),
        (
            &given(&["--claim", "dL/dQ = dY"]),
            2,
            &[],
            &["error[", "`Q`"],
        ),
        (
            &given(&["--claim", "dL/db = ("]),
            2,
            &[],
            &["error[", "--claim:1:"],
        ),
        (
            &given(&["--at", "numbers.json"]),
            2,
            &[],
            &["there is no file `numbers.json`"],
        ),
        (&given(&["--seed", "-1"]), 2, &[], &["--seed"]),
        (&given(&["--seed", "many"]), 2, &[], &["--seed"]),
    ]);
}

#[test]
fn emit_answers() {
    let given = |target: &'static str, rest: &[&'static str]| -> Vec<&'static str> {
        [&["emit", target, LINEAR, "--where", SHAPES], rest].concat()
    };
    table(&[
        (
            &given("numpy", &[]),
            0,
            &[
                "import numpy",
                "def forward(X, W, b)",
                "def gradient(X, W, b, dY)",
            ],
            &[],
        ),
        (
            &given("numpy", &["--order", "vjp", "--wrt", "W"]),
            0,
            &["def gradient"],
            &[],
        ),
        (
            &given("numpy", &["--order", "jacobian", "--wrt", "b"]),
            0,
            &[
                "def forward(X, W, b)",
                "def jacobian(X, W, b)",
                "\"b\": dY_db",
            ],
            &[],
        ),
        (
            &given("numpy", &["--order", "jvp", "--wrt", "X,b"]),
            0,
            &["def jvp(X, W, b, t_X, t_b)"],
            &[],
        ),
        (
            &given("numpy", &["--order", "hessian"]),
            2,
            &[],
            &["error[hessian-of-array]", "`--order jacobian`"],
        ),
        (
            &given("torch", &[]),
            0,
            &[
                "import torch",
                "def forward(X, W, b)",
                "class Derived(torch.autograd.Function)",
                "def backward(ctx, dY):",
            ],
            &[],
        ),
        (
            &given("jax", &[]),
            0,
            &[
                "import jax",
                "def backward(X, W, dY)",
                "@jax.custom_vjp",
                "function.defvjp(_forward, _backward)",
            ],
            &[],
        ),
        (
            &given("torch", &["--order", "jacobian"]),
            0,
            &["import torch", "def jacobian(X, W, b):"],
            &[],
        ),
        (
            &given("rust", &["--order", "jacobian"]),
            3,
            &[],
            &["`emit rust` writes gradients alone", "every order"],
        ),
        (
            &given("rust", &[]),
            0,
            &[
                "use faer::{Mat, MatRef};",
                "pub fn forward(X: MatRef<'_, f64>, W: MatRef<'_, f64>, b: &[f64]) -> Mat<f64> {",
                "    let dX = dY * W; // S × M",
                "#[cfg(test)]",
            ],
            &[],
        ),
        (&given("fortran", &[]), 2, &[], &["fortran", "numpy"]),
        (&["emit"], 2, &[], &["Usage"]),
        (&["emit", "numpy"], 2, &[], &["<SOURCE>"]),
        (&["emit", "linear.bp"], 2, &[], &["numpy"]),
    ]);
}

#[test]
fn orders() {
    let given = |order: &'static str| ["derive", LINEAR, "--where", SHAPES, "--order", order];
    let hessian = |command: &'static str| {
        let loss = "L = sum((X @ w - y)**2)";
        let shapes = "X[S,M]: constant; w[M]; y[S]: constant";
        [command, loss, "--where", shapes, "--order", "hessian"]
    };
    table(&[
        (
            &given("jvp"),
            0,
            &["t_Y = t_X @ W.T + X @ t_W.T + t_b"],
            &[],
        ),
        (
            &given("jacobian"),
            0,
            &["dY_dX[i, j, k, l] = W[j, l] * delta(k, i)"],
            &[],
        ),
        (
            &given("hessian"),
            2,
            &[],
            &["error[hessian-of-array]", "`--order jacobian`"],
        ),
        (&given("hvp"), 2, &[], &["error[hessian-of-array]"]),
        (&hessian("derive"), 0, &["d2L_dw_dw = 2 * (X.T @ X)"], &[]),
        (&hessian("check"), 0, &["second differences", "right"], &[]),
        (
            &[
                "derive",
                LINEAR,
                "--where",
                SHAPES,
                "--order",
                "jvp",
                "--cotangent",
                "X",
            ],
            2,
            &[],
            &["error[cotangent-without-gradient]"],
        ),
        (
            &[
                "check",
                "L = sum(x**2)",
                "--where",
                "x[N]",
                "--order",
                "hessian",
                "--claim",
                "dL/dx = x",
            ],
            3,
            &[],
            &["error[not-available]", "claims"],
        ),
    ]);
}

#[test]
fn refusals() {
    table(&[
        (
            &["derive", "stop_gradient(A)", "--where", "A[N,N]: spd"],
            3,
            &[],
            &["error[not-yet-supported]", "SOURCE:1:1"],
        ),
        (
            &["derive", "Y = X", "--where", "X[N]", "--cotangent", "X"],
            2,
            &[],
            &["error[nothing-to-derive-by]"],
        ),
    ]);
}

#[test]
fn misused_command_lines() {
    table(&[
        (
            &["linear.bp"],
            2,
            &[],
            &["error[unknown-command]", "backprove derive 'linear.bp'"],
        ),
        (
            &[LINEAR],
            2,
            &[],
            &[
                "error[unknown-command]",
                "backprove derive 'Y = X @ W.T + b'",
            ],
        ),
        (
            &["frobnicate"],
            2,
            &[],
            &[
                "error[unknown-command]",
                "derive, check, emit, plan and train",
            ],
        ),
        (&["dervie"], 2, &[], &["derive"]),
        (&["derive"], 2, &[], &["<SOURCE>"]),
        (&["check"], 2, &[], &["<SOURCE>"]),
        (&["derive", LINEAR, "extra"], 2, &[], &["extra"]),
        (
            &["derive", LINEAR, "--format", "pdf"],
            2,
            &[],
            &["pdf", "text, latex, markdown, html, json"],
        ),
        (
            &["derive", LINEAR, "--detail", "some"],
            2,
            &[],
            &["headline, working, all"],
        ),
        (
            &["derive", LINEAR, "--order", "third"],
            2,
            &[],
            &["hessian"],
        ),
        (
            &["derive", LINEAR, "--color", "pink"],
            2,
            &[],
            &["auto, always, never"],
        ),
        (
            &["derive", LINEAR, "--fromat", "html"],
            2,
            &[],
            &["--format"],
        ),
        (&["derive", LINEAR, "--wrt"], 2, &[], &["--wrt"]),
        (
            &["derive", LINEAR, "--claim", "dL/db = dY"],
            2,
            &[],
            &["--claim"],
        ),
        (
            &["derive", LINEAR, "--format", "html", "--format", "json"],
            2,
            &[],
            &["--format"],
        ),
        (
            &["derive", "linear.bp", "--wrt", ""],
            2,
            &[],
            &["error[empty-name]"],
        ),
        (
            &["derive", "linear.bp", "--wrt", "W,,b"],
            2,
            &[],
            &["error[empty-name]"],
        ),
        (
            &["derive", "linear.bp", "--wrt", "Q"],
            2,
            &[],
            &["`Q`", "X, W, b"],
        ),
        (&["derive", "linear.bp", "--wrt", "W;b"], 2, &[], &["`W;b`"]),
        (
            &["derive", "linear.bp", "--cotangent", "Q"],
            2,
            &[],
            &["`Q`"],
        ),
        (
            &["derive", "linear.bp", "--cotangent", "X"],
            2,
            &[],
            &["S×M", "S×N"],
        ),
    ]);
}

#[test]
fn what_cannot_be_verified_is_no_success() {
    table(&[
        (
            &["derive", "Y = X / 0", "--where", "X[N]"],
            1,
            &["Result"],
            &["error[unverified]", "`backprove check`"],
        ),
        (
            &["check", "Y = X / 0", "--where", "X[N]"],
            1,
            &["unverified"],
            &[],
        ),
        (
            &["emit", "numpy", "Y = X / 0", "--where", "X[N]"],
            1,
            &[],
            &["error[unverified]"],
        ),
    ]);
}

/// What would be too much element by element is little index by index.
#[test]
fn a_long_chain_of_products_is_no_large_problem() {
    table(&[(
        &[
            "derive",
            "A @ B @ C @ D @ E @ F @ P @ R",
            "--where",
            "A[M, N]; B[N, K]; C[K, J]; D[J, I]; E[I, H]; F[H, G]; P[G, Q]; R[Q, S]",
        ],
        0,
        &["dP = F.T @ E.T @ D.T @ C.T @ B.T @ A.T @ dY @ R.T"],
        &[],
    )]);
}

#[test]
fn sizes_that_cannot_be_verified_are_refused() {
    let large = |shapes: &'static str| ["derive", LINEAR, "--where", shapes];
    let words = &["error[too-large-to-verify]", "write symbols"][..];
    table(&[
        (&large("X[S,8]; W[3,8]; b[3]"), 0, &["dW = dY.T @ X"], &[]),
        (&large("X[128,784]; W[10,784]; b[10]"), 3, &[], words),
        (
            &["derive", "sum(X * X)", "--where", "X[999999999999999999]"],
            3,
            &[],
            words,
        ),
        (
            &["check", "sum(A**2)", "--where", "A[a,b,c,d,f,g,h,k,l,m]"],
            3,
            &[],
            words,
        ),
    ]);
}
