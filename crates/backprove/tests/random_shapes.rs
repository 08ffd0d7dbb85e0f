//! Random programs of several equations and many shapes: broadcasting, products, reductions, functions, branches. What is
//! derived must replay, keep its value at every step and agree with finite differences; what cannot be derived must be
//! refused. `BACKPROVE_CASES=10000` runs more of them; `BACKPROVE_SEED` says where the seeds begin. A case is its seed.

use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use backprove::calculus::check::Verdict;
use backprove::calculus::{Expr, Node};
use backprove::{Problem, Verification};

/// The declared tensors and the shapes that they have.
const INPUTS: &[(&str, Shape)] = &[
    ("c", Shape::Scalar),
    ("u", Shape::Row),
    ("p", Shape::Row),
    ("v", Shape::Column),
    ("q", Shape::Column),
    ("X", Shape::Matrix),
    ("W", Shape::Matrix),
    ("A", Shape::Square),
    ("H", Shape::Square),
    ("T", Shape::Batch),
];
const DECLARATIONS: &str =
    "c[]; u[M]; p[M]; v[S]; q[S]; X[S, M]; W[S, M]; A[M, M]; H[M, M]; T[B, S, M]\n";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// No axes.
    Scalar,
    /// M.
    Row,
    /// S.
    Column,
    /// S × M.
    Matrix,
    /// M × M.
    Square,
    /// B × S × M.
    Batch,
}

use Shape::{Batch, Column, Matrix, Row, Scalar, Square};

/// Numbers that follow from a seed.
struct Draw(u64);

impl Draw {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % count as u64) as usize
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

/// A form with places for expressions of the given shapes.
type Form = (&'static str, &'static [Shape]);

/// Forms that fit every shape; all places have the shape of the whole.
const ELEMENTWISE: &[(&str, usize)] = &[
    ("({0} + {1})", 2),
    ("({0} - {1})", 2),
    ("({0} * {1})", 2),
    ("({0} / (1 + {1}**2))", 2),
    ("(2 * {0} - {1} / 3)", 2),
    ("-{0}", 1),
    ("tanh({0})", 1),
    ("sigmoid({0})", 1),
    ("sin({0})", 1),
    ("cos({0})", 1),
    ("arctan({0})", 1),
    ("softplus({0})", 1),
    ("gelu({0})", 1),
    ("silu({0})", 1),
    ("exp(-{0}**2)", 1),
    ("log(1 + {0}**2)", 1),
    ("sqrt(1 + {0}**2)", 1),
    ("({0}**2)", 1),
    ("({0}**3 / 4)", 1),
    ("relu({0})", 1),
    ("abs({0})", 1),
    ("maximum({0}, {1})", 2),
    ("minimum({0}, {1})", 2),
    ("where({0} > {1}, {0}, {1} / 2)", 2),
    ("clip({0}, -0.5, 0.75)", 1),
];

/// Forms of one shape.
fn forms(shape: Shape) -> &'static [Form] {
    match shape {
        Scalar => &[
            ("sum({0})", &[Matrix]),
            ("mean({0})", &[Matrix]),
            ("sum({0})", &[Batch]),
            ("({0} @ {1})", &[Row, Row]),
            ("({0} @ {1} @ {2})", &[Column, Matrix, Row]),
            ("trace({0})", &[Square]),
            ("trace({0}.T @ {1})", &[Matrix, Matrix]),
            ("log(sum(exp({0})))", &[Row]),
            ("sqrt(1 + sum({0}**2))", &[Column]),
            ("var({0})", &[Row]),
        ],
        Row => &[
            ("({0}.T @ {1})", &[Matrix, Column]),
            ("({0} @ {1})", &[Column, Matrix]),
            ("({0} @ {1})", &[Square, Row]),
            ("({0} @ {1})", &[Row, Square]),
            ("sum({0}, axis=0)", &[Matrix]),
            ("{0}.mean(axis=0)", &[Matrix]),
            ("diag({0})", &[Square]),
            ("softmax({0})", &[Row]),
            ("({0} * {1})", &[Scalar, Row]),
            ("sum({0}, axis=(0, 1))", &[Batch]),
            ("einsum(\"sm,s->m\", {0}, {1})", &[Matrix, Column]),
        ],
        Column => &[
            ("({0} @ {1})", &[Matrix, Row]),
            ("sum({0}, axis=1)", &[Matrix]),
            ("mean({0}, axis=-1)", &[Matrix]),
            ("logsumexp({0}, axis=1)", &[Matrix]),
            ("var({0}, axis=1)", &[Matrix]),
            ("max({0}, axis=1)", &[Matrix]),
            ("({0} / (1 + {1}**2))", &[Column, Scalar]),
            ("sum({0} * {1}, axis=1)", &[Matrix, Row]),
        ],
        Matrix => &[
            ("({0} @ {1})", &[Matrix, Square]),
            ("({0} @ {1}.T)", &[Matrix, Square]),
            ("outer({0}, {1})", &[Column, Row]),
            ("({0} + {1})", &[Matrix, Row]),
            ("({0} * {1})", &[Matrix, Row]),
            ("({0} + {1}[:, None])", &[Matrix, Column]),
            ("({0} * {1}[:, None])", &[Matrix, Column]),
            ("({0}[:, None] - {1})", &[Column, Row]),
            ("({0} * {1})", &[Scalar, Matrix]),
            ("softmax({0}, axis=1)", &[Matrix]),
            ("softmax({0}, axis=0)", &[Matrix]),
            ("log_softmax({0}, axis=1)", &[Matrix]),
            ("({0} - mean({0}, axis=1, keepdims=True))", &[Matrix]),
            (
                "({0} / sqrt(1 + sum({0}**2, axis=1, keepdims=True)))",
                &[Matrix],
            ),
            ("({0} - sum({0}, axis=0, keepdims=True))", &[Matrix]),
            ("sum({0}, axis=0)", &[Batch]),
            ("(diag({0}) @ {1})", &[Column, Matrix]),
            ("einsum(\"sm,mn->sn\", {0}, {1})", &[Matrix, Square]),
            ("({0} @ ({1}.T @ {2}))", &[Matrix, Matrix, Matrix]),
        ],
        Square => &[
            ("({0}.T @ {1})", &[Matrix, Matrix]),
            ("({0} @ {1})", &[Square, Square]),
            ("{0}.T", &[Square]),
            ("outer({0}, {1})", &[Row, Row]),
            ("diag({0})", &[Row]),
            ("({0} + {1})", &[Square, Row]),
            ("({0} + {1} * eye(M))", &[Square, Scalar]),
            ("tril({0})", &[Square]),
        ],
        Batch => &[
            ("({0} @ {1})", &[Batch, Square]),
            ("({0} * {1})", &[Batch, Matrix]),
            ("({0} + {1})", &[Batch, Row]),
            ("softmax({0}, axis=2)", &[Batch]),
            ("({0} - mean({0}, axis=(1, 2), keepdims=True))", &[Batch]),
        ],
    }
}

/// An expression of the given shape, at most `depth` forms deep, over the given names.
fn expression(draw: &mut Draw, shape: Shape, depth: usize, names: &[(String, Shape)]) -> String {
    if depth == 0 || draw.below(6) == 0 {
        let fitting: Vec<&str> = names
            .iter()
            .filter(|(_, own)| *own == shape)
            .map(|(name, _)| name.as_str())
            .collect();
        return draw.of(&fitting).to_owned();
    }
    let own = forms(shape);
    let place = draw.below(own.len() + 8);
    let (form, shapes) = if let Some((form, shapes)) = own.get(place) {
        (*form, shapes.to_vec())
    } else {
        let (form, count) = draw.of(ELEMENTWISE);
        (form, vec![shape; count])
    };
    let mut text = form.to_owned();
    for (place, shape) in shapes.iter().enumerate() {
        let part = expression(draw, *shape, depth - 1, names);
        text = text.replace(&format!("{{{place}}}"), &part);
    }
    text
}

/// The program of a seed.
fn program(seed: u64) -> String {
    let mut draw = Draw(seed);
    let mut names: Vec<(String, Shape)> = INPUTS
        .iter()
        .map(|(name, shape)| ((*name).to_owned(), *shape))
        .collect();
    let mut text = DECLARATIONS.to_owned();
    let equations = 1 + draw.below(4);
    for place in 1..equations {
        let shape = draw.of(&[Row, Column, Matrix, Matrix, Square, Batch, Scalar]);
        let depth = 1 + draw.below(2);
        let body = expression(&mut draw, shape, depth, &names);
        let name = format!("Z{place}");
        let _ = writeln!(text, "{name} = {body}");
        // Twice, so that later equations use it more often than an input.
        names.extend([(name.clone(), shape), (name, shape)]);
    }
    let shape = draw.of(&[Scalar, Scalar, Row, Matrix]);
    let depth = 2 + draw.below(2);
    let body = expression(&mut draw, shape, depth, &names);
    let _ = write!(text, "Y = {body}");
    text
}

/// What became of a program.
enum Outcome {
    Right,
    /// Some step or result could not be checked; nothing was found wrong.
    Unverified,
    Refused,
    /// The plain loops of the oracle would run for minutes.
    TooDeep,
    Wrong(String),
}

/// Bound indices within each other, beyond which the oracle's loops take too long.
const DEEPEST: usize = 8;

/// How many indices are bound within each other.
fn depth(expr: &Expr) -> usize {
    let own = match expr.node() {
        Node::Sum(indices, _) | Node::Reduce(_, indices, _) => indices.len(),
        _ => 0,
    };
    let below = expr.children().map(depth).max();
    own + below.unwrap_or(0)
}

fn judge(source: &str) -> Outcome {
    let derived = Problem::read(source).and_then(|problem| problem.gradient(&[], None));
    let gradient = match derived {
        Ok(gradient) => gradient,
        Err(diagnosed) if diagnosed.refused => return Outcome::Refused,
        Err(diagnosed) => return Outcome::Wrong(diagnosed.to_string()),
    };
    for derivation in &gradient.derivations {
        let used = derivation.contributions.iter();
        let locals = used.map(|contribution| &contribution.local);
        for chain in locals.chain([&derivation.chain]) {
            for step in &chain.steps {
                if !step.replays(&chain.scope) {
                    return Outcome::Wrong(format!("{} does not replay", step.rule.name));
                }
            }
        }
    }
    let used = gradient.derivations.iter().flat_map(|derivation| {
        let locals = derivation.contributions.iter().map(|one| &one.local);
        locals.chain([&derivation.chain])
    });
    let results = used.flat_map(|chain| chain.steps.iter().map(|step| depth(&step.after)));
    if results.max().unwrap_or(0) > DEEPEST {
        return Outcome::TooDeep;
    }
    let verification = Verification::of(&gradient, 1);
    if verification.counts().failed > 0 {
        return Outcome::Wrong("a step failed".to_owned());
    }
    for (check, derivation) in verification.derivations.iter().zip(&gradient.derivations) {
        if let Verdict::Failed(found) = &check.result.verdict {
            let name = derivation.variable.name();
            return Outcome::Wrong(format!("the gradient by {name} is wrong: {found:?}"));
        }
    }
    if verification.holds() {
        Outcome::Right
    } else {
        Outcome::Unverified
    }
}

fn number(name: &str, otherwise: u64) -> u64 {
    let given = std::env::var(name).ok();
    given.map_or(otherwise, |text| text.parse().expect("a whole number"))
}

#[test]
fn programs_of_many_shapes_are_right_or_refused() {
    let cases = number("BACKPROVE_CASES", 150);
    let first = number("BACKPROVE_SEED", 1);
    let next = AtomicU64::new(first);
    let counts = [const { AtomicU64::new(0) }; 4];
    let wrong = Mutex::new(String::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + cases {
                        break;
                    }
                    let source = program(seed);
                    let kind = match judge(&source) {
                        Outcome::Right => 0,
                        Outcome::Unverified => 1,
                        Outcome::Refused => 2,
                        Outcome::TooDeep => 3,
                        Outcome::Wrong(why) => {
                            let mut wrong = wrong.lock().expect("no thread panics with it");
                            let _ = writeln!(wrong, "seed {seed}: {why}\n{source}\n");
                            continue;
                        }
                    };
                    counts[kind].fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    let [right, unverified, refused, deep] = counts.map(AtomicU64::into_inner);
    println!(
        "seeds {first} to {}: {right} right, {unverified} unverified, {refused} refused, {deep} too deep to check",
        first + cases - 1
    );
    let wrong = wrong.into_inner().expect("all threads have ended");
    assert!(wrong.is_empty(), "{wrong}");
    assert!(
        right * 10 >= cases * 8,
        "only {right} of {cases} were verified"
    );
}
