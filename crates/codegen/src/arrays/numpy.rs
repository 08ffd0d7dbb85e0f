//! NumPy's words for array operations. They are the lowering's own but for what NumPy has no function for.

use backprove_syntax::Diagnostic;
use backprove_syntax::tree::{Argument, Expression};

use super::spelling::{AT, LOG_SOFTMAX, LOG_SUM_EXP, SOFTMAX, called};
use super::writer::Writer;

const SOFTMAX_TEXT: &str = r#"def _softmax(x, axis):
    """The softmax along an axis, shifted by the maximum so that nothing overflows."""
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)
"#;

const LOG_SOFTMAX_TEXT: &str = r#"def _log_softmax(x, axis):
    """The logarithm of the softmax along an axis, shifted by the maximum."""
    shifted = x - np.max(x, axis=axis, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))
"#;

const LOG_SUM_EXP_TEXT: &str = r#"def _logsumexp(x, axis=None, keepdims=False):
    """The logarithm of the sum of exponentials, shifted by the maximum."""
    largest = np.max(x, axis=axis, keepdims=True)
    total = np.sum(np.exp(x - largest), axis=axis, keepdims=True)
    result = largest + np.log(total)
    return result if keepdims else np.squeeze(result, axis=axis)
"#;

const AT_TEXT: &str = r#"def _at(x, positions, axis):
    """The elements at positions along an axis, and zeros outside it."""
    inside = (positions >= 0) & (positions < x.shape[axis])
    taken = np.take(x, np.where(inside, positions, 0), axis=axis)
    inside = inside.reshape(inside.shape + (1,) * (x.ndim - axis - 1))
    return np.where(inside, taken, 0.0)
"#;

impl Writer<'_> {
    /// An operation in NumPy.
    pub(super) fn numpy(
        &mut self,
        name: &str,
        arguments: &[Argument],
    ) -> Result<Expression, Diagnostic> {
        let (own, text) = match name {
            SOFTMAX => ("_softmax", SOFTMAX_TEXT),
            LOG_SOFTMAX => ("_log_softmax", LOG_SOFTMAX_TEXT),
            LOG_SUM_EXP => ("_logsumexp", LOG_SUM_EXP_TEXT),
            AT => ("_at", AT_TEXT),
            _ => return Ok(called(name, self.spelled_arguments(arguments, false)?)),
        };
        self.define(own, || text.to_owned());
        Ok(called(own, self.spelled_arguments(arguments, false)?))
    }
}
