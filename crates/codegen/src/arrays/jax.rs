//! JAX's words for array operations: NumPy's in `jax.numpy`, but that new arrays get the type of an argument and that
//! JAX has the functions along axes itself.

use backprove_syntax::Diagnostic;
use backprove_syntax::tree::{Argument, Expression, ExpressionKind, Name};

use super::python;
use super::spelling::{AT, LOG_SOFTMAX, LOG_SUM_EXP, SOFTMAX, called, keyword, named, positional};
use super::writer::{Writer, unwritten};

const AT_TEXT: &str = r#"def _at(x, positions, axis):
    """The elements at positions along an axis, and zeros outside it."""
    inside = (positions >= 0) & (positions < x.shape[axis])
    taken = jnp.take(x, jnp.where(inside, positions, 0), axis=axis)
    inside = inside.reshape(inside.shape + (1,) * (x.ndim - axis - 1))
    return jnp.where(inside, taken, 0.0)
"#;

impl Writer<'_> {
    /// An operation in JAX.
    pub(super) fn jax(
        &mut self,
        name: &str,
        arguments: &[Argument],
        at: bool,
    ) -> Result<Expression, Diagnostic> {
        let is_mask = name == "np.where" && python::is_mask(arguments);
        let source = arguments;
        let mut arguments = self.spelled_arguments(arguments, at || name == AT)?;
        match name {
            "np.take" => {
                // Positions are whole numbers.
                let positions = source.get(1).ok_or_else(|| unwritten(name))?;
                let positions = self.spelled(&positions.value, true)?;
                let base = arguments.swap_remove(0).value;
                python::taken(base, positions, keyword(source, "axis"))
                    .ok_or_else(|| unwritten(name))
            }
            "np.where" if is_mask => {
                let mask = arguments.swap_remove(0).value;
                let kind = self.jax_kind();
                Ok(Expression::made(ExpressionKind::Method {
                    receiver: Box::new(mask),
                    method: Name::made("astype"),
                    arguments: vec![positional(kind)],
                }))
            }
            "np.zeros" | "np.ones" | "np.full" | "np.eye" => {
                arguments.retain(|argument| argument.keyword.is_none());
                arguments.push(named("dtype", self.jax_kind()));
                Ok(called(&name.replacen("np", "jnp", 1), arguments))
            }
            "np.arange" => {
                if !at {
                    arguments.push(named("dtype", self.jax_kind()));
                }
                Ok(called("jnp.arange", arguments))
            }
            "np.einsum" => {
                arguments.retain(|argument| argument.keyword.is_none());
                Ok(called("jnp.einsum", arguments))
            }
            SOFTMAX => Ok(called("jax.nn.softmax", arguments)),
            LOG_SOFTMAX => Ok(called("jax.nn.log_softmax", arguments)),
            LOG_SUM_EXP => Ok(called("jax.nn.logsumexp", arguments)),
            AT => {
                self.define("_at", || AT_TEXT.to_owned());
                Ok(called("_at", arguments))
            }
            _ if name.starts_with("np.") => Ok(called(&name.replacen("np", "jnp", 1), arguments)),
            _ => Ok(called(name, arguments)),
        }
    }

    /// The type of an argument's elements.
    fn jax_kind(&mut self) -> Expression {
        match self.like() {
            Some(like) => Expression::made(ExpressionKind::Attribute(
                Box::new(like),
                Name::made("dtype"),
            )),
            None => python::name("float"),
        }
    }

    pub(super) fn jax_one_hot(&mut self, labels: Expression, size: Expression) -> Expression {
        let arguments = vec![
            positional(labels),
            positional(size),
            named("dtype", self.jax_kind()),
        ];
        called("jax.nn.one_hot", arguments)
    }

    /// An array without axes for a number.
    pub(super) fn jax_scalar(&mut self, value: Expression) -> Expression {
        let arguments = vec![positional(value), named("dtype", self.jax_kind())];
        called("jnp.asarray", arguments)
    }
}
