//! Coefficients of the polynomials, the constant first, each of least greatest error over its range and then
//! rounded one by one; and the bounds beyond which a result is known. Nothing here computes.

/// Single precision.
pub(super) mod float {
    /// The natural logarithm of two in two parts; the first has few enough bits that small multiples are exact.
    pub(in super::super) const LN2_HIGH: f32 = 0.693_359_4;
    pub(in super::super) const LN2_LOW: f32 = -2.121_944_4e-4;
    /// Adding it rounds to a whole number.
    pub(in super::super) const ROUND: f32 = 12_582_912.0;
    /// The exponential is infinite from here on.
    pub(in super::super) const EXP_MOST: f32 = 89.0;
    /// The exponential is zero from here on.
    pub(in super::super) const EXP_LEAST: f32 = -104.0;
    /// The logistic function is one above, the hyperbolic tangent above half of it, `e^x - 1` minus one below minus it.
    pub(in super::super) const ONE_ABOVE: f32 = 20.0;
    /// The error function is one above.
    pub(in super::super) const ERF_ONE_ABOVE: f32 = 3.95;
    /// The exponent of a power of two by which all scales of the logistic function are normal numbers.
    pub(in super::super) const SIGMOID_SHIFT: f32 = -75.0;
    /// `(e^x - 1 - x) / x^2` for |x| up to half of log 2.
    pub(in super::super) const EXPM1: [f32; 5] = [
        0.499_999_97,
        0.166_665_38,
        0.041_667_387,
        0.008_367_28,
        0.001_388_303_8,
    ];
    /// `(e^(2x) - 1) / x` for |x| up to a quarter of log 2.
    pub(in super::super) const EXP_OF_TWICE: [f32; 6] = [
        2.0,
        1.999_995,
        1.333_323_4,
        0.667_203_5,
        0.267_735_42,
        0.076_282_37,
    ];
    /// `(2 artanh(s) - 2 s) / s^3` by the square of s, up to s = (√2 - 1) / (√2 + 1).
    pub(in super::super) const LOG: [f32; 3] = [0.666_667_76, 0.399_775_77, 0.298_710_53];
    /// `(tanh(x) - x) / x^3` by the square of x, up to x = 0.55.
    pub(in super::super) const TANH: [f32; 5] = [
        -0.333_333_16,
        0.133_325_44,
        -0.053_847_548,
        0.021_050_714,
        -0.006_242_849_4,
    ];
    /// `erf(x) / x - 1` by the square of x, up to x = 1.
    pub(in super::super) const ERF_NEAR: [f32; 7] = [
        0.128_379_17,
        -0.376_126_26,
        0.112_835_79,
        -0.026_853_347,
        0.005_187_162,
        -7.997_853e-4,
        7.806_904e-5,
    ];
    /// The fourth root of the error function's complement, from x = 1 on.
    pub(in super::super) const ERFC_ROOT: [f32; 9] = [
        1.002_189_8,
        -0.293_646_78,
        -0.093_182_49,
        -0.017_682_398,
        0.043_964_185,
        -0.012_821_740_5,
        7.963_177e-4,
        1.747_267_2e-4,
        -2.205_216_7e-5,
    ];
}

/// Double precision.
pub(super) mod double {
    /// The natural logarithm of two in two parts; the first has few enough bits that small multiples are exact.
    pub(in super::super) const LN2_HIGH: f64 = 0.693_147_180_369_123_8;
    pub(in super::super) const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    /// Adding it rounds to a whole number.
    pub(in super::super) const ROUND: f64 = 6_755_399_441_055_744.0;
    /// The exponential is infinite from here on.
    pub(in super::super) const EXP_MOST: f64 = 710.0;
    /// The exponential is zero from here on.
    pub(in super::super) const EXP_LEAST: f64 = -746.0;
    /// The logistic function is one above, the hyperbolic tangent above half of it, `e^x - 1` minus one below minus it.
    pub(in super::super) const ONE_ABOVE: f64 = 39.0;
    /// The error function is one above.
    pub(in super::super) const ERF_ONE_ABOVE: f64 = 5.95;
    /// The exponent of a power of two by which all scales of the logistic function are normal numbers.
    pub(in super::super) const SIGMOID_SHIFT: f64 = -538.0;
    /// `(e^x - 1 - x) / x^2` for |x| up to half of log 2.
    pub(in super::super) const EXPM1: [f64; 11] = [
        0.5,
        0.166_666_666_666_666_77,
        0.041_666_666_666_666_685,
        0.008_333_333_333_321_764,
        0.001_388_888_888_889_18,
        1.984_126_988_546_735_6e-4,
        2.480_158_728_485_887e-5,
        2.755_724_499_698_494_5e-6,
        2.755_732_353_651_43e-7,
        2.510_874_775_159_404e-8,
        2.089_594_629_202_513_7e-9,
    ];
    /// `(e^(2x) - 1) / x` for |x| up to a quarter of log 2.
    pub(in super::super) const EXP_OF_TWICE: [f64; 11] = [
        2.0,
        2.000_000_000_000_006_7,
        1.333_333_333_333_344_4,
        0.666_666_666_663_663_4,
        0.266_666_666_662_561_84,
        0.088_888_889_326_111_51,
        0.025_396_825_864_952_21,
        0.006_349_178_616_500_204,
        0.001_410_913_409_580_121_7,
        2.829_853_564_793_056_3e-4,
        5.167_677_812_525_674_5e-5,
    ];
    /// `(2 artanh(s) - 2 s) / s^3` by the square of s, up to s = (√2 - 1) / (√2 + 1).
    pub(in super::super) const LOG: [f64; 7] = [
        0.666_666_666_666_673_4,
        0.399_999_999_994_162_6,
        0.285_714_287_421_677_37,
        0.222_221_985_865_154_54,
        0.181_835_639_958_493_83,
        0.153_140_515_327_492_68,
        0.147_960_027_634_230_27,
    ];
    /// `(tanh(x) - x) / x^3` by the square of x, up to x = 0.55.
    pub(in super::super) const TANH: [f64; 11] = [
        -0.333_333_333_333_333,
        0.133_333_333_333_265_8,
        -0.053_968_253_963_739_34,
        0.021_869_488_385_312_275,
        -0.008_863_232_593_466_143,
        0.003_592_091_957_894_632_5,
        -0.001_455_542_422_486_030_3,
        5.884_428_977_119_135e-4,
        -2.333_778_535_559_462_7e-4,
        8.331_152_901_714_639e-5,
        -1.949_186_213_208_163_4e-5,
    ];
    /// `erf(x) / x - 1` by the square of x, up to x = 1.
    pub(in super::super) const ERF_NEAR: [f64; 12] = [
        0.128_379_167_095_512_56,
        -0.376_126_389_031_833_43,
        0.112_837_916_709_369_6,
        -0.026_866_170_641_963_203,
        0.005_223_977_596_793_058,
        -8.548_325_488_955_65e-4,
        1.205_528_065_233_772_8e-4,
        -1.492_446_935_689_998_1e-5,
        1.644_420_530_974_003_4e-6,
        -1.618_447_694_321_080_7e-7,
        1.361_907_914_734_190_5e-8,
        -7.612_753_281_212_006e-10,
    ];
    /// The fourth root of the error function's complement, from x = 1 on.
    pub(in super::super) const ERFC_ROOT: [f64; 21] = [
        0.999_999_848_805_429_1,
        -0.282_093_182_994_519,
        -0.119_374_230_116_090_25,
        0.015_487_149_441_901_195,
        0.018_572_425_782_845_38,
        -0.001_135_198_610_633_676_7,
        -0.002_053_414_768_972_156_3,
        3.206_669_819_892_102_7e-4,
        4.149_103_533_869_546_4e-5,
        2.022_022_505_344_833_3e-5,
        -2.425_283_251_548_050_8e-5,
        1.113_592_191_652_036e-5,
        -4.227_489_440_845_052e-6,
        1.367_364_098_707_991_9e-6,
        -3.385_840_069_525_51e-7,
        6.087_996_123_679_554e-8,
        -7.793_997_745_047_326e-9,
        6.947_644_643_623_001e-10,
        -4.114_878_451_075_751e-11,
        1.460_283_862_976_19e-12,
        -2.355_015_313_471_996_7e-14,
    ];
}
