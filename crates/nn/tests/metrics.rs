//! Metrics on cases that a person can count.

use backprove_nn::metrics::{Confusion, Scores};

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-12
}

#[test]
fn three_classes_counted_by_hand() {
    //            predicted: 0  1  2
    // true 0 (4 samples):   3  1  0
    // true 1 (3 samples):   1  2  0
    // true 2 (1 sample):    0  1  0      (2 is never predicted)
    let truth = [0, 0, 0, 0, 1, 1, 1, 2];
    let predicted = [0, 0, 0, 1, 0, 1, 1, 1];
    let confusion = Confusion::new(3, &truth, &predicted).expect("labels fit");
    assert_eq!(confusion.row(0), [3, 1, 0]);
    assert_eq!(confusion.row(1), [1, 2, 0]);
    assert_eq!(confusion.row(2), [0, 1, 0]);
    assert_eq!((confusion.total(), confusion.count(2, 1)), (8, 1));
    assert!(close(confusion.accuracy(), 5.0 / 8.0));
    let scores = confusion.per_class();
    let wanted = [
        (3.0 / 4.0, 3.0 / 4.0, 3.0 / 4.0, 4),
        (2.0 / 4.0, 2.0 / 3.0, 4.0 / 7.0, 3),
        (0.0, 0.0, 0.0, 1),
    ];
    for (
        Scores {
            precision,
            recall,
            f1,
            support,
        },
        wanted,
    ) in scores.into_iter().zip(wanted)
    {
        assert!(close(precision, wanted.0) && close(recall, wanted.1) && close(f1, wanted.2));
        assert_eq!(support, wanted.3);
    }
    let mean = confusion.macro_average();
    assert!(close(mean.precision, (3.0 / 4.0 + 1.0 / 2.0) / 3.0));
    assert!(close(mean.recall, (3.0 / 4.0 + 2.0 / 3.0) / 3.0));
    assert!(close(mean.f1, (3.0 / 4.0 + 4.0 / 7.0) / 3.0));
    assert_eq!(mean.support, 8);
}

#[test]
fn f1_is_the_harmonic_mean() {
    let confusion = Confusion::new(2, &[0, 0, 0, 1, 1], &[0, 1, 1, 0, 1]).expect("labels fit");
    for scores in confusion.per_class() {
        let harmonic = 2.0 * scores.precision * scores.recall / (scores.precision + scores.recall);
        assert!(close(scores.f1, harmonic));
    }
}

#[test]
fn a_class_that_never_occurs_scores_zero() {
    let confusion = Confusion::new(2, &[0, 0], &[0, 0]).expect("labels fit");
    let scores = confusion.per_class();
    assert!(close(scores[0].f1, 1.0));
    assert_eq!(
        scores[1],
        Scores {
            precision: 0.0,
            recall: 0.0,
            f1: 0.0,
            support: 0
        }
    );
}

#[test]
fn labels_that_do_not_fit_are_refused() {
    for (classes, truth, predicted, wanted) in [
        (2, vec![0], vec![2], "label 2 is not one of 2 classes"),
        (
            2,
            vec![0, 1],
            vec![1],
            "2 true and 1 predicted labels of 2 classes cannot be compared",
        ),
        (
            0,
            vec![0],
            vec![0],
            "1 true and 1 predicted labels of 0 classes cannot be compared",
        ),
        (
            2,
            vec![],
            vec![],
            "0 true and 0 predicted labels of 2 classes cannot be compared",
        ),
    ] {
        let error = Confusion::new(classes, &truth, &predicted).expect_err("does not fit");
        assert_eq!(error.to_string(), wanted);
    }
}
