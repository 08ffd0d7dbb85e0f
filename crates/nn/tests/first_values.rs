//! First values: their moments, their bounds, their gains, and that a seed decides them.

use backprove_nn::init::{Distribution, Fan, Initialiser, Scheme, gain};

fn draw(seed: u64, scheme: Scheme, distribution: Distribution, gain: f64, fan: Fan) -> Vec<f32> {
    let mut weight = vec![0.0; 200_000];
    Initialiser::new(seed)
        .fill(scheme, distribution, gain, fan, &mut weight)
        .expect("a positive fan and gain");
    weight
}

#[test]
fn the_moments_are_the_schemes() {
    let fan = Fan {
        incoming: 300,
        outgoing: 100,
    };
    for (scheme, gain, deviation) in [
        (Scheme::Kaiming, 2.0_f64.sqrt(), (2.0_f64 / 300.0).sqrt()),
        (Scheme::Xavier, 1.0, (2.0_f64 / 400.0).sqrt()),
        (Scheme::Xavier, 3.0, 3.0 * (2.0_f64 / 400.0).sqrt()),
    ] {
        // The fourth moment over the squared second tells the two distributions apart.
        for (distribution, kurtosis) in [(Distribution::Normal, 3.0), (Distribution::Uniform, 1.8)]
        {
            let weight = draw(42, scheme, distribution, gain, fan);
            let moment = |power: i32| {
                weight
                    .iter()
                    .map(|&w| f64::from(w).powi(power))
                    .sum::<f64>()
                    / weight.len() as f64
            };
            // Five standard errors of each estimate for 200,000 draws.
            assert!(moment(1).abs() < 5.0 * deviation / 447.0);
            assert!((moment(2).sqrt() / deviation - 1.0).abs() < 5.0 * 0.71 / 447.0);
            assert!((moment(4) / moment(2).powi(2) - kurtosis).abs() < 5.0 * 4.9 / 447.0);
        }
    }
}

#[test]
fn uniform_values_stay_within_their_bound() {
    let fan = Fan {
        incoming: 27,
        outgoing: 27,
    };
    let weight = draw(1, Scheme::Kaiming, Distribution::Uniform, 1.0, fan);
    let bound = 1.0 / 3.0;
    assert!(weight.iter().all(|w| w.abs() <= bound));
    assert!(weight.iter().any(|&w| w > 0.999 * bound));
    assert!(weight.iter().any(|&w| w < -0.999 * bound));
}

#[test]
fn a_seed_decides_every_value() {
    let fan = Fan {
        incoming: 4,
        outgoing: 4,
    };
    for distribution in [Distribution::Normal, Distribution::Uniform] {
        let of = |seed| draw(seed, Scheme::Kaiming, distribution, 1.0, fan);
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
    }
}

#[test]
fn gains_agree_with_closed_forms() {
    // E[relu^2] = 1/2; with slope a on the left, (1 + a^2) / 2.
    assert!((gain(|z| z.max(0.0)).expect("a gain") - 2.0_f64.sqrt()).abs() < 1e-9);
    let leaky = gain(|z| if z > 0.0 { z } else { 0.1 * z }).expect("a gain");
    assert!((leaky - (2.0_f64 / 1.01).sqrt()).abs() < 1e-9);
    assert!((gain(|z| z).expect("a gain") - 1.0).abs() < 1e-9);
    // E[elu^2] = 1/2 + e^2 Phi(-2) - 2 e^(1/2) Phi(-1) + 1/2, Phi the normal distribution function.
    let (phi_1, phi_2) = (0.158_655_253_931_457_05, 0.022_750_131_948_179_21);
    let elu = 1.0 + 2.0_f64.exp() * phi_2 - 2.0 * 0.5_f64.exp() * phi_1;
    let found = gain(|z| if z > 0.0 { z } else { z.exp_m1() }).expect("a gain");
    assert!((found - elu.sqrt().recip()).abs() < 1e-9);
    // A linear function's gain is its slope's inverse; an odd one has E[tanh^2] below E[z^2].
    assert!(gain(f64::tanh).expect("a gain") > 1.0);
    assert!(gain(|_| 0.0).is_err());
    assert!(gain(|_| f64::NAN).is_err());
}

#[test]
fn fans_follow_from_a_weights_shape() {
    let fan = |shape: &[usize]| Fan::of_weight(shape).map(|fan| (fan.incoming, fan.outgoing));
    assert_eq!(fan(&[10, 64]).expect("a matrix"), (64, 10));
    assert_eq!(fan(&[16, 3, 5, 5]).expect("a convolution"), (75, 400));
    assert!(fan(&[10]).is_err());
    assert!(fan(&[10, 0]).is_err());
    let empty = Fan {
        incoming: 0,
        outgoing: 0,
    };
    let (kaiming, normal) = (Scheme::Kaiming, Distribution::Normal);
    assert!(
        Initialiser::new(1)
            .fill(kaiming, normal, 1.0, empty, &mut [0.0])
            .is_err()
    );
    let one = Fan {
        incoming: 1,
        outgoing: 1,
    };
    assert!(
        Initialiser::new(1)
            .fill(kaiming, normal, f64::NAN, one, &mut [0.0])
            .is_err()
    );
}
