//! Arguments as contiguous arrays of one precision. An array that has the right layout is read where it lies; every other one
//! is laid out anew by NumPy, never reinterpreted.

use backprove::calculus::{Fact, Tensor};
use backprove::engine::Real;
use numpy::{Element, PyArrayDescrMethods as _, PyArrayDyn, PyArrayMethods as _};
use numpy::{PyUntypedArray, PyUntypedArrayMethods as _};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyFloat};

/// A number that both NumPy and the engine know.
pub trait Number: Real + Element {
    /// The argument, where it is an array of these numbers already.
    fn own<'a, 'py>(argument: &'a Argument<'py>) -> Option<&'a Bound<'py, PyArrayDyn<Self>>>;
}

impl Number for f32 {
    fn own<'a, 'py>(argument: &'a Argument<'py>) -> Option<&'a Bound<'py, PyArrayDyn<Self>>> {
        match argument {
            Argument::Single(array) => Some(array),
            _ => None,
        }
    }
}

impl Number for f64 {
    fn own<'a, 'py>(argument: &'a Argument<'py>) -> Option<&'a Bound<'py, PyArrayDyn<Self>>> {
        match argument {
            Argument::Double(array) => Some(array),
            _ => None,
        }
    }
}

/// The precision that an argument asks for; none where it follows the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Precision {
    /// Numbers of Python and integers.
    Any,
    /// Half and single precision.
    Single,
    /// Double precision.
    Double,
}

static AS_ARRAY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static FROM_DLPACK: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static REQUIRE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// An argument of a call.
pub enum Argument<'py> {
    /// An array in single precision.
    Single(Bound<'py, PyArrayDyn<f32>>),
    /// An array in double precision.
    Double(Bound<'py, PyArrayDyn<f64>>),
    /// Any other array of real numbers, and the precision that it asks for.
    Other(Bound<'py, PyUntypedArray>, Precision),
}

impl<'py> Argument<'py> {
    /// Reads what was passed as `name`, without a copy where that is possible. Fails for what holds no real numbers.
    pub fn of(name: &str, argument: &Bound<'py, PyAny>) -> PyResult<Self> {
        if !argument.is_exact_instance_of::<PyUntypedArray>() {
            unmasked(name, argument)?;
        }
        if let Ok(array) = argument.cast::<PyArrayDyn<f32>>() {
            return Ok(Self::Single(array.clone()));
        }
        if let Ok(array) = argument.cast::<PyArrayDyn<f64>>() {
            return Ok(Self::Double(array.clone()));
        }
        let array = as_array(argument)?.cast_into::<PyUntypedArray>()?;
        let description = array.dtype();
        let precision = match (description.kind(), description.itemsize()) {
            // A number of Python follows the arrays, as in NumPy.
            _ if argument.is_instance_of::<PyFloat>() => Precision::Any,
            (b'f', 2 | 4) => Precision::Single,
            (b'f', _) => Precision::Double,
            (b'i' | b'u' | b'b', _) => Precision::Any,
            // What NumPy cannot go through is one object to it.
            (b'O', _) if array.ndim() == 0 => return Err(no_array(name, argument)?),
            _ => {
                return Err(PyTypeError::new_err(format!(
                    "`{name}` has the dtype {description}, but real numbers are needed: float32, float64 or integers"
                )));
            }
        };
        Ok(Self::Other(array, precision))
    }

    /// The precision that it asks for.
    pub fn precision(&self) -> Precision {
        match self {
            Self::Single(_) => Precision::Single,
            Self::Double(_) => Precision::Double,
            Self::Other(_, precision) => *precision,
        }
    }

    /// It as Python knows it.
    pub fn array(&self) -> &Bound<'py, PyAny> {
        match self {
            Self::Single(array) => array.as_any(),
            Self::Double(array) => array.as_any(),
            Self::Other(array, _) => array.as_any(),
        }
    }
}

/// Fails for a masked array with masked elements, whose numbers mean nothing.
fn unmasked(name: &str, argument: &Bound<'_, PyAny>) -> PyResult<()> {
    if argument.is_instance_of::<PyUntypedArray>()
        && let Some(mask) = argument.getattr_opt("mask")?
        && mask.call_method0("any")?.is_truthy()?
    {
        return Err(PyValueError::new_err(format!(
            "`{name}` has masked elements; give them values first, such as `{name}.filled(0)`"
        )));
    }
    Ok(())
}

/// What is said of an argument that NumPy makes no array of.
fn no_array(name: &str, argument: &Bound<'_, PyAny>) -> PyResult<PyErr> {
    if argument.is_none() {
        return Ok(PyTypeError::new_err(format!(
            "`{name}` is None, but an array is needed"
        )));
    }
    let class = argument.get_type().name()?;
    let proposal = if argument.hasattr("toarray")? {
        format!("; `{name}.toarray()` is one")
    } else {
        String::new()
    };
    Ok(PyTypeError::new_err(format!(
        "`{name}` is of the class {class}, which is no array of real numbers{proposal}"
    )))
}

/// An argument as NumPy sees it, without a copy where that is possible.
pub fn as_array<'py>(argument: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    if argument.is_instance_of::<PyUntypedArray>() {
        return Ok(argument.clone());
    }
    let py = argument.py();
    // What speaks neither of NumPy's protocols may speak DLPack's; `asarray` would make an object of it.
    let speaks = |name: &str| argument.hasattr(name);
    let foreign = speaks("__dlpack__")? && !speaks("__array__")? && !speaks("__array_interface__")?;
    let function = if foreign {
        FROM_DLPACK.import(py, "numpy", "from_dlpack")?
    } else {
        AS_ARRAY.import(py, "numpy", "asarray")?
    };
    function.call1((argument,))
}

/// The array in the precision `T`, its last axis innermost, no gaps.
pub fn contiguous<'py, T: Number>(argument: &Argument<'py>) -> PyResult<Bound<'py, PyArrayDyn<T>>> {
    if let Some(array) = T::own(argument)
        && array.is_c_contiguous()
        && (array.data() as usize).is_multiple_of(align_of::<T>())
    {
        return Ok(array.clone());
    }
    let array = argument.array();
    let py = array.py();
    let require = REQUIRE.import(py, "numpy", "require")?;
    let laid_out = require.call1((array, numpy::dtype::<T>(py), ["C", "A"]))?;
    Ok(laid_out.cast_into::<PyArrayDyn<T>>()?)
}

/// Whether an input holds labels.
pub fn is_labels(tensor: &Tensor) -> bool {
    let mut facts = tensor.facts().iter();
    facts.any(|fact| matches!(fact, Fact::Labels(_)))
}

/// Labels below `classes` from an array of integers.
pub fn labels(name: &str, array: &Bound<'_, PyAny>) -> PyResult<Vec<u32>> {
    let untyped = array.cast::<PyUntypedArray>().map_err(PyErr::from)?;
    let description = untyped.dtype();
    if !matches!(description.kind(), b'i' | b'u') {
        return Err(PyTypeError::new_err(format!(
            "`{name}` holds labels, so that it needs integers, but its dtype is {description}"
        )));
    }
    let options = PyDict::new(array.py());
    options.set_item("copy", false)?;
    let wide = array.call_method("astype", ("int64",), Some(&options))?;
    let wide = wide.cast_into::<PyArrayDyn<i64>>()?;
    let wide = wide.readonly();
    let values = wide.as_array();
    let labels = values.iter().map(|label| {
        u32::try_from(*label).map_err(|_| {
            PyValueError::new_err(format!("the label {label} of `{name}` is no class"))
        })
    });
    labels.collect()
}
