//! Networks written in the language, from the modules of the standard library. Must never hold a backward pass: the
//! text is the forward definition, and the calculus derives the rest.

use std::fmt::Write;

use backprove_calculus::functions::{Domain, find, table};

use crate::Error;

/// A multi-layer perceptron for classification with `hidden` hidden layers, as a program: linear layers, `activation`
/// between them, and softmax cross-entropy on the labels.
///
/// Sizes are symbols: `D` features, `H1`, `H2`, … units, `C` classes, `S` samples. Without hidden layers it is softmax
/// regression. Fails for an activation that is no element-wise function of one number, defined everywhere.
///
/// ```
/// let text = backprove_nn::module::mlp(1, "elu")?;
/// assert!(text.ends_with(
///     "X[S, D]
/// t[S]: labels(C)
/// W1[H1, D]; b1[H1]
/// W2[C, H1]; b2[C]
///
/// Z1 = linear(X, W1, b1)
/// A1 = elu(Z1)
/// Z2 = linear(A1, W2, b2)
/// L = cross_entropy(Z2, t)
/// "
/// ));
/// # Ok::<(), backprove_nn::Error>(())
/// ```
pub fn mlp(hidden: usize, activation: &str) -> Result<String, Error> {
    if !activations().any(|name| name == activation) {
        let known: Vec<&str> = activations().collect();
        return Err(Error::argument(match find(activation) {
            Some(_) => format!(
                "`{activation}` is no activation: it does not map every number to a number; choose one of {}",
                known.join(", ")
            ),
            None => format!(
                "there is no activation `{activation}`; choose one of {}",
                known.join(", ")
            ),
        }));
    }
    let layers = hidden + 1;
    let width = |layer: usize| match layer {
        0 => "D".to_owned(),
        last if last == layers => "C".to_owned(),
        layer => format!("H{layer}"),
    };
    let mut text = match hidden {
        0 => "# Softmax regression: a linear layer and cross-entropy on the labels.\n".to_owned(),
        _ => format!(
            "# A multi-layer perceptron with {activation} and cross-entropy on the labels.\n"
        ),
    };
    text.push_str("X[S, D]\nt[S]: labels(C)\n");
    for layer in 1..=layers {
        let (outputs, inputs) = (width(layer), width(layer - 1));
        let _ = writeln!(text, "W{layer}[{outputs}, {inputs}]; b{layer}[{outputs}]");
    }
    text.push('\n');
    let mut input = "X".to_owned();
    for layer in 1..=layers {
        let _ = writeln!(text, "Z{layer} = linear({input}, W{layer}, b{layer})");
        if layer < layers {
            let _ = writeln!(text, "A{layer} = {activation}(Z{layer})");
            input = format!("A{layer}");
        }
    }
    let _ = writeln!(text, "L = cross_entropy(Z{layers}, t)");
    Ok(text)
}

/// The functions that can stand between two layers: those of one number that are defined everywhere.
pub fn activations() -> impl Iterator<Item = &'static str> {
    table()
        .filter(|function| function.domain == [Domain::Real])
        .map(|function| function.name)
}
