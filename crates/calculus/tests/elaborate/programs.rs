//! Programs: the equations that a text becomes, their names, their matrix forms, and the letters of their indices.

use backprove_calculus::expr::{Expr, Node};
use backprove_calculus::{Index, Program, Tensor, elaborate_definition, elaborate_expression};
use backprove_syntax::format_expression;

use crate::accepted;

/// The equations as a reader sees them: name, letters, and right side in matrix notation.
fn listed(program: &Program) -> Vec<String> {
    let line = |equation: &backprove_calculus::Equation| {
        let letters: Vec<&str> = equation.indices.iter().map(Index::letter).collect();
        let right = equation
            .matrix
            .as_deref()
            .map_or("(indices)".to_owned(), format_expression);
        format!(
            "{}[{}] = {right}",
            equation.target.name(),
            letters.join(", ")
        )
    };
    program.equations.iter().map(line).collect()
}

#[test]
fn a_network_is_inlined_equation_by_equation() {
    let program = accepted(
        "X[S, D]; W1[H, D]; b1[H]; W2[C, H]; b2[C]; t[S]: labels(C)
        module mlp(X[S, D], W1[H, D], b1[H], W2[C, H], b2[C]) -> Z[S, C] {
            A = relu(linear(X, W1, b1))
            Z = linear(A, W2, b2)
        }
        L = cross_entropy(mlp(X, W1, b1, W2, b2), t)",
    );
    assert_eq!(
        listed(&program),
        [
            "Y[i, j] = X @ W1.T + b1",
            "A[i, j] = relu(Y)",
            "Z[i, j] = A @ W2.T + b2",
            "U[i] = logsumexp(Z, axis=1)",
            "L[] = mean[s](U[s] - Z[s, t[s]])",
        ]
    );
}

#[test]
fn a_call_takes_the_name_of_its_definition() {
    let program = accepted("X[S, M]; W1[N, M]; b1[N]\nZ1 = linear(X, W1, b1)");
    assert_eq!(listed(&program), ["Z1[i, j] = X @ W1.T + b1"]);
}

#[test]
fn nested_results_get_names_and_stay_out_of_the_way_of_others() {
    let program =
        accepted("X[S, M]; W[M, N]; T[S, N]\nZ = X * 2\nL = -sum(T * log(softmax(X @ W)))");
    assert_eq!(
        listed(&program),
        [
            "Z[i, j] = X * 2",
            "Z_1[i, j] = X @ W",
            "P[i, j] = softmax(Z_1)",
            "L[] = -sum(T * log(P))",
        ]
    );
    let vector = accepted("x[N]\ny = 2 * softmax(x + 1)");
    assert_eq!(
        listed(&vector),
        ["z[i] = x + 1", "p[i] = softmax(z)", "y[i] = 2 * p"]
    );
}

#[test]
fn what_depends_on_a_bound_index_stays_inline() {
    let program = accepted("X[S, M]\nL = sum[s](logsumexp(X[s, :]))");
    assert_eq!(listed(&program), ["L[] = sum[s](logsumexp(X[s, :]))"]);
}

#[test]
fn the_final_expression_is_named_by_its_shape() {
    assert_eq!(listed(&accepted("X[S, M]\nX + 1")), ["Y[i, j] = X + 1"]);
    assert_eq!(listed(&accepted("X[S, M]\nsum(X)")), ["L[] = sum(X)"]);
    assert_eq!(listed(&accepted("Y[S, M]\nY + 1")), ["Y_1[i, j] = Y + 1"]);
    assert_eq!(
        listed(&accepted("X[S, M]\nZ = X + 1\nZ")),
        ["Z[i, j] = X + 1"]
    );
    let loss = accepted("Z[S, C]; t[S]: labels(C)\ncross_entropy(Z, t)");
    assert_eq!(loss.output().map(|output| output.target.name()), Some("L"));
}

#[test]
fn a_text_of_modules_is_its_last_module() {
    let program = accepted(
        "module double(X[S, M]) -> Y[S, M] { Y = 2 * X }
        module twice(X[S, M]) -> Z[S, M] { Z = double(double(X)) }",
    );
    assert_eq!(
        program.inputs,
        [Tensor::new("X", program.inputs[0].dims().to_vec())]
    );
    assert_eq!(listed(&program), ["Y[i, j] = 2 * X", "Z[i, j] = 2 * Y"]);
}

#[test]
fn modules_over_scalars_map_over_axes() {
    let program = accepted("w[N, M]; g[N, M]\nw1 = sgd(w, g, 0.1)");
    assert_eq!(listed(&program), ["w1[i, j] = w - 0.1 * g"]);
    let scalar = accepted("w[]; g[]; lr[]\nw1 = sgd(w, g, lr)");
    assert_eq!(listed(&scalar), ["w1[] = w - lr * g"]);
}

#[test]
fn matrix_forms_are_in_our_own_words() {
    let right = |text: &str| {
        let program = accepted(&format!("X[S, M]; t[S]: labels(M)\n{text}"));
        let output = program.output().unwrap();
        output.matrix.as_deref().map(format_expression).unwrap()
    };
    assert_eq!(right("np.exp(X.T).T * np.pi"), "exp(X.T).T * pi");
    assert_eq!(
        right("torch.sum(X, 1, True)"),
        "sum(X, axis=1, keepdims=True)"
    );
    assert_eq!(right("X.max(0)"), "max(X, axis=0)");
    assert_eq!(right("X.var(dim=1)"), "var(X, axis=1, ddof=1)");
    assert_eq!(right("jax.nn.gelu(X)"), "gelu_tanh(X)");
    assert_eq!(right("F.cross_entropy(X, t)"), "mean[s](U[s] - X[s, t[s]])");
    assert_eq!(right("relu: elementwise\ntorch.relu(X)"), "torch.relu(X)");
}

#[test]
fn library_modules_fit_vectors_and_matrices() {
    let program = accepted("x[M]; W[N, M]; b[N]; y[N]\nmean_squared_error(linear(x, W, b), y)");
    assert_eq!(
        listed(&program),
        ["Y[i] = W @ x + b", "L[] = mean((Y - y) ** 2)"]
    );
    let program = accepted("z[C]; t[]: labels(C)\ncross_entropy(z, t)");
    assert_eq!(listed(&program), ["u[] = logsumexp(z)", "L[] = u - z[t]"]);
}

#[test]
fn a_definition_that_repeats_its_argument_gets_a_named_one() {
    let program = accepted("X[S, M]; W[N, M]\nY = X @ W.T / np.std(X @ W.T, axis=0)");
    assert_eq!(
        listed(&program),
        ["Z[i, j] = X @ W.T", "Y[i, j] = X @ W.T / std(Z, axis=0)"]
    );
}

#[test]
fn arguments_do_not_capture_the_indices_of_a_module() {
    let program = accepted(
        "module rows(X[S, M]) -> y[S] { y[s] = sum[m](X[s, m]) }
        m[A, B]
        z = rows(m)",
    );
    let letters: Vec<&str> = program.equations[0]
        .indices
        .iter()
        .map(Index::letter)
        .collect();
    assert_eq!(letters, ["s"]);
    let Node::Sum(bound, body) = program.equations[0].body.node() else {
        panic!("a sum is expected");
    };
    assert_eq!(bound[0].letter(), "m1");
    assert_eq!(
        body,
        &Expr::access(
            &program.inputs[0],
            &[program.equations[0].indices[0].clone(), bound[0].clone()]
        )
    );
}

#[test]
fn generated_names_and_indices_keep_clear_of_each_other() {
    let program = accepted("x[N]\ny = 2 * softmax(x)\nz[p] = y[p]");
    assert_eq!(listed(&program)[0], "p_1[i] = softmax(x)");
    let program = accepted("Z[S, C]; t[S]: labels(C); s[]\nL = s * cross_entropy(Z, t)");
    assert_eq!(
        listed(&program)[1..],
        ["L_1[] = mean[s1](U[s1] - Z[s1, t[s1]])", "L[] = s * L_1"]
    );
}

#[test]
fn a_transposed_argument_undoes_a_transpose() {
    let program = accepted("X[S, M]; W[M, N]; b[N]\nZ = linear(X, W.T, b)");
    assert_eq!(listed(&program), ["Z[i, j] = X @ W + b"]);
}

#[test]
fn letters_are_distinct_within_an_equation_and_are_no_names() {
    let program = accepted("p[N]; i[N]; A[N, N]\ny = A @ A @ (p + i)");
    let output = program.output().unwrap();
    assert_eq!(output.indices[0].letter(), "j");
    let mut letters = Vec::new();
    output.body.visit(&mut |part| {
        if let Node::Sum(bound, _) = part.node() {
            letters.extend(bound.iter().map(|index| index.letter().to_owned()));
        }
    });
    assert_eq!(letters, ["r", "s"]);
}

#[test]
fn a_chain_of_products_is_one_sum() {
    let program = accepted("x[N]; A[N, N]\nx @ A @ x");
    assert!(
        matches!(program.equations[0].body.node(), Node::Sum(bound, body)
        if bound.len() == 2 && matches!(body.node(), Node::Product(factors) if factors.len() == 3))
    );
}

#[test]
fn an_axis_of_extent_one_is_summed_where_it_is_stretched() {
    let program = accepted("R[1, M]; X[S, M]\nR + X");
    let Node::Add(terms) = program.equations[0].body.node() else {
        panic!("an addition is expected");
    };
    assert!(matches!(terms[0].node(), Node::Sum(..)));
    assert!(matches!(terms[1].node(), Node::Access(..)));
}

#[test]
fn matrix_forms_lower_over_names_and_given_tensors() {
    let program = accepted("X[S, M]; W[N, M]; b[N]\nY = X @ W.T + b");
    let output = &program.output().unwrap().target;
    let cotangent = Tensor::cotangent_of("dY", "L", output);
    let lowered = |text: &str| {
        let (tree, _) = backprove_syntax::parse_expression(text);
        elaborate_expression(
            &tree.unwrap(),
            &program,
            std::slice::from_ref(&cotangent),
            &|_, _| None,
        )
    };
    let value = lowered("dY.T @ X").unwrap();
    let dims: Vec<String> = value
        .indices
        .iter()
        .map(|index| index.extent().to_string())
        .collect();
    assert_eq!(dims, ["N", "M"]);
    let free = value.body.free_indices();
    assert!(value.indices.iter().all(|index| free.contains(index)));
    let wrong = lowered("dY @ X").unwrap_err();
    assert_eq!(wrong[0].slug, "shape-mismatch");
    assert_eq!(lowered("dZ").unwrap_err()[0].slug, "unknown-name");
}

#[test]
fn derivatives_in_claims_are_found_by_the_caller() {
    let program = accepted("X[S, M]; b[M]\nY = X + b");
    let output = &program.output().unwrap().target;
    let cotangent = Tensor::cotangent_of("dY", "L", output);
    let (claim, _) = backprove_syntax::parse_claim("dL/db = sum(dL/dY, axis=0)");
    let right = claim.unwrap().right;
    let find = |of: &str, by: &str| (of == "L" && by == "Y").then(|| cotangent.clone());
    let value = elaborate_expression(&right, &program, &[], &find).unwrap();
    assert_eq!(value.indices.len(), 1);
    let unknown = elaborate_expression(&right, &program, &[], &|_, _| None).unwrap_err();
    assert_eq!(unknown[0].slug, "unknown-derivative");
}

#[test]
fn index_forms_lower_in_the_order_of_the_left_side() {
    let program = accepted("X[S, M]\nY = X + 1");
    let parsed = backprove_syntax::parse("G[m, s] = X[s, m] * Y[s, m]");
    let backprove_syntax::tree::Statement::Definition(definition) = &parsed.program.statements[0]
    else {
        panic!("a definition is expected");
    };
    let value = elaborate_definition(definition, &program, &[], &|_, _| None).unwrap();
    let axes: Vec<(&str, String)> = value
        .indices
        .iter()
        .map(|index| (index.letter(), index.extent().to_string()))
        .collect();
    assert_eq!(axes, [("m", "M".to_owned()), ("s", "S".to_owned())]);
}
