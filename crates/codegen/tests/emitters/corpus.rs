//! The programs of the corpus as derivatives to emit, with inputs: reading them, and nothing else.

use std::path::{Path, PathBuf};

use backprove_calculus::sample::{self, Region};
use backprove_calculus::{
    Derivative, Fact, Gradient, Order, Program, Tensor, derivation, elaborate,
};
use serde_json::{Map, Value, json};
use toml::Table;

/// Points that are offered; the first at which everything is finite is used.
const POINTS: usize = 12;

/// A program of the corpus whose gradient is derived.
pub struct Entry {
    pub name: String,
    pub gradient: Gradient,
}

/// A program as it stands in its file.
struct Source {
    name: String,
    text: String,
    wrt: Vec<String>,
    cotangent: Option<String>,
    /// Which derivative is asked for, where that is not the gradient.
    order: Option<Order>,
}

/// The order that a word names.
fn order(word: &str) -> Option<Order> {
    match word {
        "jacobian" => Some(Order::Jacobian),
        "jvp" => Some(Order::Jvp),
        "hessian" => Some(Order::Hessian),
        "hvp" => Some(Order::Hvp),
        _ => None,
    }
}

fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../corpus")
        .join(folder);
    let entries = std::fs::read_dir(folder).expect("the corpus is there");
    let paths = entries.map(|entry| entry.expect("readable").path());
    let mut files: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|end| end == ending))
        .collect();
    files.sort();
    files
}

/// The gallery: a heading, then a fence with the program.
fn gallery(found: &mut Vec<Source>) {
    for file in files(".", "md") {
        let text = std::fs::read_to_string(&file).expect("readable");
        let mut heading = "";
        let mut open: Option<Source> = None;
        for line in text.lines() {
            if let Some(title) = line.strip_prefix("## ") {
                heading = title;
            } else if let Some(words) = line.strip_prefix("```backprove") {
                let wrt = words
                    .split_whitespace()
                    .find_map(|word| word.strip_prefix("wrt="));
                let wrt = wrt.unwrap_or("").split(',').filter(|name| !name.is_empty());
                let mut words = words.split_whitespace();
                open = Some(Source {
                    name: heading.to_owned(),
                    text: String::new(),
                    wrt: wrt.map(str::to_owned).collect(),
                    cotangent: None,
                    order: words.find_map(|word| order(word.strip_prefix("order=")?)),
                });
            } else if line == "```" {
                found.extend(open.take());
            } else if let Some(source) = &mut open {
                source.text.push_str(line);
                source.text.push('\n');
            }
        }
    }
}

fn problems(found: &mut Vec<Source>) {
    for file in files("problems", "toml") {
        let text = std::fs::read_to_string(&file).expect("readable");
        let table: Table = text.parse().expect("a table");
        for problem in table["problem"].as_array().expect("a list of problems") {
            let text = |key: &str| problem.get(key).and_then(toml::Value::as_str);
            // Derivatives by pairs of different variables alone have no module.
            if text("order").is_some_and(|word| word != "gradient" && order(word).is_none()) {
                continue;
            }
            let wrt = problem.get("wrt").and_then(toml::Value::as_array);
            let wrt = wrt.into_iter().flatten().filter_map(toml::Value::as_str);
            let part = |key: &str| text(key).unwrap_or_default();
            found.push(Source {
                name: part("name").to_owned(),
                text: format!("{}\n{}", part("given"), part("source")),
                wrt: wrt.map(str::to_owned).collect(),
                cotangent: text("cotangent").map(str::to_owned),
                order: text("order").and_then(order),
            });
        }
    }
}

/// The program, what it is differentiated by, and the cotangent that it declares.
fn asked(source: &Source) -> Option<(Program, Vec<Tensor>, Option<Tensor>)> {
    let parsed = backprove_syntax::parse(&source.text);
    let elaborated = elaborate(&parsed.program);
    if !parsed.diagnostics.is_empty() || !elaborated.diagnostics.is_empty() {
        return None;
    }
    let program = elaborated.program;
    let cotangent = source
        .cotangent
        .as_ref()
        .and_then(|name| program.tensor(name).cloned());
    let named = source.wrt.iter().filter_map(|name| program.tensor(name));
    let mut wrt: Vec<Tensor> = named.cloned().collect();
    if source.wrt.is_empty() {
        let inputs = program.inputs.iter();
        let free =
            inputs.filter(|input| !input.is_constant() && Some(*input) != cotangent.as_ref());
        wrt = free.cloned().collect();
    }
    let is_asked = !wrt.is_empty() && wrt.len() >= source.wrt.len();
    is_asked.then_some((program, wrt, cotangent))
}

fn derived(source: &Source) -> Option<Gradient> {
    let (program, wrt, cotangent) = asked(source)?;
    derivation::gradient(&program, &wrt, cotangent.as_ref()).ok()
}

/// The gradient of a program by every input that is not constant.
pub fn gradient(text: &str) -> Option<Gradient> {
    derived(&Source {
        name: String::new(),
        text: text.to_owned(),
        wrt: Vec::new(),
        cotangent: None,
        order: None,
    })
}

fn sources() -> Vec<Source> {
    let mut sources = Vec::new();
    gallery(&mut sources);
    problems(&mut sources);
    sources
}

/// All derivatives of other orders in the corpus, of arguments.
pub fn derivatives() -> Vec<(String, Derivative)> {
    let derived = sources().into_iter().filter_map(|source| {
        let (program, wrt, _) = asked(&source)?;
        let is_input = |tensor: &Tensor| program.inputs.contains(tensor);
        let derivative = derivation::derivative(&program, &wrt, source.order?).ok()?;
        wrt.iter()
            .all(is_input)
            .then_some((source.name, derivative))
    });
    let derivatives: Vec<_> = derived.collect();
    assert!(
        derivatives.len() > 20,
        "only {} derivatives",
        derivatives.len()
    );
    derivatives
}

/// All programs of the corpus that have a gradient; the rest of it are refusals and derivatives of other orders.
pub fn all() -> Vec<Entry> {
    let gradients = sources()
        .into_iter()
        .filter(|source| source.order.is_none());
    let entries = gradients.filter_map(|source| {
        let gradient = derived(&source)?;
        Some(Entry {
            name: source.name,
            gradient,
        })
    });
    let entries: Vec<Entry> = entries.collect();
    assert!(entries.len() > 300, "only {} programs", entries.len());
    entries
}

/// Whether the elements of a tensor can be moved one by one.
pub fn is_general(tensor: &Tensor) -> bool {
    use Fact::{Diagonal, Lower, OneHot, Orthogonal, PositiveDefinite, Symmetric};
    let is_special = |fact: &Fact| {
        matches!(
            fact,
            Diagonal | Lower | OneHot | Orthogonal | PositiveDefinite | Symmetric
        )
    };
    !tensor.facts().iter().any(is_special)
}

/// How often each abstract function is differentiated at most.
pub fn orders(gradient: &Gradient) -> Vec<usize> {
    use backprove_calculus::{FunctionName, Node};
    let program = gradient.program();
    let mut orders = vec![1; program.functions.len()];
    for equation in &program.equations {
        equation.body.visit(&mut |part| {
            if let Node::Call(callee, _) = part.node()
                && let FunctionName::Abstract(name) = &callee.function
                && let Some(place) = program.functions.iter().position(|own| own == name)
            {
                orders[place] = callee.derivatives.len().max(orders[place]);
            }
        });
    }
    orders
}

/// Inputs at several points, the cotangent last.
pub fn points(gradient: &Gradient) -> Vec<Value> {
    let program: &Program = &gradient.forward;
    let [sizes, _] = sample::size_sets(program);
    let point = |attempt: usize| {
        let region = Region::of_attempt(attempt);
        let mut values = Map::new();
        for (place, tensor) in program.inputs.iter().chain(&gradient.seed).enumerate() {
            let seed = (attempt * 97 + place) as u64;
            let array = sample::floats(tensor, &sizes, seed, region)?;
            let is_label = |fact: &Fact| matches!(fact, Fact::Labels(_));
            let labels = tensor.facts().iter().any(is_label);
            let value = json!({"shape": array.shape(), "data": array.data(), "labels": labels});
            values.insert(tensor.name().to_owned(), value);
        }
        Some(Value::Object(values))
    };
    (0..POINTS).filter_map(point).collect()
}
