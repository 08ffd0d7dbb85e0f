//! Values of accepted texts, compared with loops that are written out for each.

use backprove_calculus::Program;
use backprove_calculus::reference::{Array, Environment, Sizes, evaluate_tensor};

use crate::accepted;

const S: usize = 2;
const M: usize = 3;
const N: usize = 4;

const DECLARATIONS: &str = "X[S, M]; W[N, M]; b[N]; x[M]; y[M]; A[M, M]; c[]; Z[B, S, M]; H[B, M, N]; R[1, M]; Q[S, 1]; t[S]: labels(M)";

/// One element of an input.
type Element<'a> = &'a dyn Fn(&str, &[usize]) -> f64;

/// A text, the shape of its value, and one element of it by plain arithmetic.
type Case = (&'static str, &'static [usize], fn(Element, &[usize]) -> f64);

fn sum(count: usize, term: impl Fn(usize) -> f64) -> f64 {
    (0..count).map(term).sum()
}

const CASES: &[Case] = &[
    ("X @ W.T + b", &[S, N], |e, k| {
        sum(M, |m| e("X", &[k[0], m]) * e("W", &[k[1], m])) + e("b", &[k[1]])
    }),
    ("x @ A @ y", &[], |e, _| {
        sum(M, |p| {
            sum(M, |q| e("x", &[p]) * e("A", &[p, q]) * e("y", &[q]))
        })
    }),
    ("A @ x", &[M], |e, k| {
        sum(M, |m| e("A", &[k[0], m]) * e("x", &[m]))
    }),
    ("Z @ H", &[2, S, N], |e, k| {
        sum(M, |m| e("Z", &[k[0], k[1], m]) * e("H", &[k[0], m, k[2]]))
    }),
    ("X @ H", &[2, S, N], |e, k| {
        sum(M, |m| e("X", &[k[1], m]) * e("H", &[k[0], m, k[2]]))
    }),
    ("x @ H", &[2, N], |e, k| {
        sum(M, |m| e("x", &[m]) * e("H", &[k[0], m, k[1]]))
    }),
    ("Z.T", &[M, S, 2], |e, k| e("Z", &[k[2], k[1], k[0]])),
    ("np.transpose(Z, (2, 0, 1))", &[M, 2, S], |e, k| {
        e("Z", &[k[1], k[2], k[0]])
    }),
    ("swapaxes(Z, 0, -1)", &[M, S, 2], |e, k| {
        e("Z", &[k[2], k[1], k[0]])
    }),
    ("X + x", &[S, M], |e, k| e("X", k) + e("x", &[k[1]])),
    ("R * Q", &[S, M], |e, k| {
        e("R", &[0, k[1]]) * e("Q", &[k[0], 0])
    }),
    ("X / X.sum(axis=1, keepdims=True)", &[S, M], |e, k| {
        e("X", k) / sum(M, |m| e("X", &[k[0], m]))
    }),
    ("X - X.mean(axis=0)", &[S, M], |e, k| {
        e("X", k) - sum(S, |s| e("X", &[s, k[1]])) / S as f64
    }),
    ("c - X**2 / 2", &[S, M], |e, k| {
        e("c", &[]) - e("X", k).powi(2) / 2.0
    }),
    ("2**X - -X", &[S, M], |e, k| {
        2_f64.powf(e("X", k)) + e("X", k)
    }),
    ("sqrt(X) + square(X) * reciprocal(X)", &[S, M], |e, k| {
        e("X", k).sqrt() + e("X", k)
    }),
    ("Z.sum(axis=(0, -1))", &[S], |e, k| {
        sum(2, |b| sum(M, |m| e("Z", &[b, k[0], m])))
    }),
    ("np.mean(X)", &[], |e, _| {
        sum(S, |s| sum(M, |m| e("X", &[s, m]))) / (S * M) as f64
    }),
    ("X.max(axis=1)", &[S], |e, k| {
        (0..M).map(|m| e("X", &[k[0], m])).fold(f64::MIN, f64::max)
    }),
    ("np.prod(x)", &[], |e, _| {
        (0..M).map(|m| e("x", &[m])).product()
    }),
    ("np.var(X, axis=1)", &[S], |e, k| {
        variance(M, 0.0, |m| e("X", &[k[0], m]))
    }),
    ("torch.var(X, dim=1)", &[S], |e, k| {
        variance(M, 1.0, |m| e("X", &[k[0], m]))
    }),
    ("X.std(dim=1, unbiased=False)", &[S], |e, k| {
        variance(M, 0.0, |m| e("X", &[k[0], m])).sqrt()
    }),
    ("norm(x)", &[], |e, _| {
        sum(M, |m| e("x", &[m]).powi(2)).sqrt()
    }),
    ("softmax(X)", &[S, M], |e, k| {
        e("X", k).exp() / sum(M, |m| e("X", &[k[0], m]).exp())
    }),
    ("F.softmax(X, dim=0)", &[S, M], |e, k| {
        e("X", k).exp() / sum(S, |s| e("X", &[s, k[1]]).exp())
    }),
    ("log_softmax(X)", &[S, M], |e, k| {
        e("X", k) - sum(M, |m| e("X", &[k[0], m]).exp()).ln()
    }),
    ("logsumexp(X)", &[], |e, _| {
        sum(S, |s| sum(M, |m| e("X", &[s, m]).exp())).ln()
    }),
    ("jax.nn.gelu(x)", &[M], |e, k| {
        let x = e("x", k);
        x / 2.0 * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3))).tanh())
    }),
    ("trace(A) + c", &[], |e, _| {
        sum(M, |m| e("A", &[m, m])) + e("c", &[])
    }),
    ("diag(A) * diag(diag(x))", &[M], |e, k| {
        e("A", &[k[0], k[0]]) * e("x", k)
    }),
    ("A + eye(M)", &[M, M], |e, k| {
        e("A", k) + f64::from(k[0] == k[1])
    }),
    ("ones((2, 3)) * zeros(3) + full(3, c)", &[2, 3], |e, _| {
        e("c", &[])
    }),
    ("outer(x, b)", &[M, N], |e, k| {
        e("x", &[k[0]]) * e("b", &[k[1]])
    }),
    ("einsum(\"sm,nm->sn\", X, W)", &[S, N], |e, k| {
        sum(M, |m| e("X", &[k[0], m]) * e("W", &[k[1], m]))
    }),
    ("np.einsum('ji', X)", &[M, S], |e, k| e("X", &[k[1], k[0]])),
    ("np.einsum('ii,i', A, x)", &[], |e, _| {
        sum(M, |m| e("A", &[m, m]) * e("x", &[m]))
    }),
    ("vdot(X, X)", &[], |e, _| {
        sum(S, |s| sum(M, |m| e("X", &[s, m]).powi(2)))
    }),
    ("np.inner(X, W)", &[S, N], |e, k| {
        sum(M, |m| e("X", &[k[0], m]) * e("W", &[k[1], m]))
    }),
    ("np.dot(c, X)", &[S, M], |e, k| e("c", &[]) * e("X", k)),
    ("where(X > 0.5, X, c)", &[S, M], |e, k| {
        if e("X", k) > 0.5 {
            e("X", k)
        } else {
            e("c", &[])
        }
    }),
    ("X[0, -1]", &[], |e, _| e("X", &[0, M - 1])),
    ("Z[:, 1, ::]", &[2, M], |e, k| e("Z", &[k[0], 1, k[1]])),
    ("A[M - 2]", &[M], |e, k| e("A", &[M - 2, k[0]])),
    ("Z[..., 0]", &[2, S], |e, k| e("Z", &[k[0], k[1], 0])),
    ("x[:, None] - y[None]", &[M, M], |e, k| {
        e("x", &[k[0]]) - e("y", &[k[1]])
    }),
    ("expand_dims(x, -1)", &[M, 1], |e, k| e("x", &[k[0]])),
    ("squeeze(R)", &[M], |e, k| e("R", &[0, k[0]])),
    ("X[np.arange(S), t]", &[S], |e, k| {
        e("X", &[k[0], e("t", k) as usize])
    }),
    ("A[t]", &[S, M], |e, k| {
        e("A", &[e("t", &[k[0]]) as usize, k[1]])
    }),
    ("one_hot(t, M)", &[S, M], |e, k| {
        f64::from(e("t", &[k[0]]) as usize == k[1])
    }),
    ("len(X) * x + X.shape[1] - S", &[M], |e, k| {
        S as f64 * e("x", k) + (M - S) as f64
    }),
    ("np.pi * x + e**c", &[M], |e, k| {
        std::f64::consts::PI * e("x", k) + e("c", &[]).exp()
    }),
    (
        "Y[s, n] = sum[m](X[s, m] * W[n, m]) + b[n]",
        &[S, N],
        |e, k| sum(M, |m| e("X", &[k[0], m]) * e("W", &[k[1], m])) + e("b", &[k[1]]),
    ),
    ("Y[s] = X[s, t[s]]", &[S], |e, k| {
        e("X", &[k[0], e("t", k) as usize])
    }),
    ("Y[s, m] = m == t[s]", &[S, M], |e, k| {
        f64::from(e("t", &[k[0]]) as usize == k[1])
    }),
    ("Y[i, j] = delta(i, j) * x[j]", &[M, M], |e, k| {
        f64::from(k[0] == k[1]) * e("x", &[k[0]])
    }),
    ("Y[i: M, j] = x[j]", &[M, M], |e, k| e("x", &[k[1]])),
    ("Y[m] = max[s](X[s, m]) * mean[n](b[n])", &[M], |e, k| {
        (0..S).map(|s| e("X", &[s, k[0]])).fold(f64::MIN, f64::max) * sum(N, |n| e("b", &[n]))
            / N as f64
    }),
    ("Y[i] = sum[j](A[i, :] @ A[:, j])", &[M], |e, k| {
        sum(M, |j| sum(M, |p| e("A", &[k[0], p]) * e("A", &[p, j])))
    }),
    ("Y[i] = (X @ W.T)[i, 0]", &[S], |e, k| {
        sum(M, |m| e("X", &[k[0], m]) * e("W", &[0, m]))
    }),
    ("linear(X, W, b)", &[S, N], |e, k| {
        sum(M, |m| e("X", &[k[0], m]) * e("W", &[k[1], m])) + e("b", &[k[1]])
    }),
    ("mean_squared_error(X, 2 * X)", &[], |e, _| {
        sum(S, |s| sum(M, |m| e("X", &[s, m]).powi(2))) / (S * M) as f64
    }),
    ("cross_entropy(X, t)", &[], |e, _| {
        sum(S, |s| {
            sum(M, |m| e("X", &[s, m]).exp()).ln() - e("X", &[s, e("t", &[s]) as usize])
        }) / S as f64
    }),
    ("torch.clamp(X, min=0.5)", &[S, M], |e, k| {
        e("X", k).max(0.5)
    }),
    ("np.clip(X, None, 0.5)", &[S, M], |e, k| e("X", k).min(0.5)),
    ("torch.clamp(X, 0.5, max=1)", &[S, M], |e, k| {
        e("X", k).clamp(0.5, 1.0)
    }),
    ("F.binary_cross_entropy_with_logits(x, y)", &[], |e, _| {
        sum(M, |m| {
            (1.0 + e("x", &[m]).exp()).ln() - e("y", &[m]) * e("x", &[m])
        }) / M as f64
    }),
    ("adam_correction(0.9, 2)", &[], |_, _| 1.0 - 0.81),
    (
        "adam_update(x, y, x, 0.19, 0.02, 0.1, 1e-8)",
        &[M],
        |e, k| {
            let (first, second) = (e("y", k) / 0.19, e("x", k) / 0.02);
            e("x", k) - 0.1 * first / (second.sqrt() + 1e-8)
        },
    ),
];

fn variance(count: usize, fewer: f64, element: impl Fn(usize) -> f64) -> f64 {
    let mean = sum(count, &element) / count as f64;
    sum(count, |at| (element(at) - mean).powi(2)) / (count as f64 - fewer)
}

/// An input's elements: irregular, positive, and for labels within range.
fn input(name: &str, shape: &[usize]) -> Array<f64> {
    let count: usize = shape.iter().product();
    let start = f64::from(name.bytes().map(u32::from).sum::<u32>());
    let element = |place: usize| {
        if name == "t" {
            ((place + 1) % M) as f64
        } else {
            0.8 + 0.6 * (start + 1.7 * place as f64).sin()
        }
    };
    Array::new(shape.to_vec(), (0..count).map(element).collect())
}

/// The sizes, the inputs' values, and the values of all definitions.
fn evaluated(program: &Program) -> Environment<f64> {
    let sizes = Sizes::new([("S", S), ("M", M), ("N", N), ("B", 2)]);
    let mut environment = Environment::new(sizes.clone(), 7);
    for tensor in &program.inputs {
        let shape = sizes.shape(tensor).unwrap();
        environment.set(tensor, input(tensor.name(), &shape));
    }
    for equation in &program.equations {
        let array = evaluate_tensor(&equation.body, &equation.indices, &environment);
        environment.set(&equation.target, array.unwrap());
    }
    environment
}

fn output<'a>(program: &Program, environment: &'a Environment<f64>) -> &'a Array<f64> {
    let name = program.output().unwrap().target.name();
    environment.array(name).unwrap()
}

#[test]
fn values_agree_with_plain_loops() {
    for (text, shape, expected) in CASES {
        let program = accepted(&format!("{DECLARATIONS}\n{text}"));
        let environment = evaluated(&program);
        let output = output(&program, &environment);
        assert_eq!(output.shape(), *shape, "{text}");
        let element = |name: &str, at: &[usize]| environment.array(name).unwrap().get(at).unwrap();
        for (place, found) in output.data().iter().enumerate() {
            let at = output.position(place);
            let wanted = expected(&element, &at);
            assert!(
                (found - wanted).abs() <= 1e-12 * (1.0 + wanted.abs()),
                "{text} at {at:?}: {found}, by loops {wanted}"
            );
        }
    }
}

#[test]
fn matrix_forms_are_texts_of_the_same_value() {
    let mut count = 0;
    for (text, ..) in CASES {
        let program = accepted(&format!("{DECLARATIONS}\n{text}"));
        let mut lines = DECLARATIONS.to_owned();
        for equation in &program.equations {
            // A definition in index notation has no matrix form; it stays as it is.
            let line = match &equation.matrix {
                Some(matrix) => {
                    count += 1;
                    let right = backprove_syntax::format_expression(matrix);
                    format!("{} = {right}", equation.target.name())
                }
                None => (*text).to_owned(),
            };
            lines.push('\n');
            lines.push_str(&line);
        }
        let again = accepted(&lines);
        assert_eq!(again.equations.len(), program.equations.len(), "{lines}");
        let (first, second) = (evaluated(&program), evaluated(&again));
        assert_eq!(
            output(&program, &first).data(),
            output(&again, &second).data(),
            "{lines}"
        );
    }
    assert!(count > 50, "{count} matrix forms");
}
