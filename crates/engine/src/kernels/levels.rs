//! The modules of kernels that are compiled for several instruction sets, declared once. Nothing here is a kernel.

/// Has `$level` write one module for each instruction set of one precision: its name, what follows it in the first brackets, whether
/// multiplication and addition are fused, and the attribute that enables its instructions.
macro_rules! levels {
    ($level:ident, $type:ident, $functions:ident, [$portable:ident $avx2:ident $avx512:ident], [$($one:ident)?], [$($wide:ident)?]) => {
        // Some targets fuse without being asked.
        $level!($portable, $type, $functions, $($one,)? {
            cfg!(any(target_feature = "fma", target_arch = "aarch64"))
        });
        #[cfg(target_arch = "x86_64")]
        $level!(
            $avx2,
            $type,
            $functions,
            $($one,)?
            { true },
            target_feature(enable = "avx2,fma")
        );
        widest!($level, $avx512, $type, $functions, $($wide,)? { true });
    };
}

/// Has `$level` write a module for AVX-512.
macro_rules! widest {
    ($level:ident, $($argument:tt)*) => {
        #[cfg(target_arch = "x86_64")]
        $level!(
            $($argument)*,
            target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")
        );
    };
}

/// What `$table` finds in the module of a level that the machine has.
macro_rules! at_level {
    ($level:expr, [$portable:ident $avx2:ident $avx512:ident], $table:ident($($argument:ident),*)) => {
        match $level {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => $table!($avx512, $($argument),*),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => $table!($avx2, $($argument),*),
            _ => $table!($portable, $($argument),*),
        }
    };
}
