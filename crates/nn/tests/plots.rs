//! Pictures: well-formed, complete, and honest about values that are missing.

use backprove_nn::metrics::Confusion;
use backprove_nn::plot::{LineChart, Mark, Series, confusion_matrix};
use proptest::prelude::*;
use roxmltree::{Document, Node};

fn chart(series: &[Series]) -> String {
    LineChart {
        title: "Loss <1>",
        y_label: "nats & bits",
        series,
        mark: None,
    }
    .to_svg()
}

fn texts(svg: &str) -> Vec<String> {
    let document = Document::parse(svg).expect("well-formed XML");
    let texts = document
        .descendants()
        .filter(|node| node.has_tag_name("text"));
    texts
        .map(|node| node.text().unwrap_or_default().to_owned())
        .collect()
}

/// The lines of a chart: what is drawn in a colour of its own and not closed.
fn lines(svg: &str) -> Vec<String> {
    let document = Document::parse(svg).expect("well-formed XML");
    let is_line = |node: &Node| node.attribute("stroke-linejoin").is_some();
    document
        .descendants()
        .filter(is_line)
        .map(|node| node.attribute("d").unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn a_chart_holds_its_lines_axes_and_names() {
    let svg = LineChart {
        title: "Loss <1>",
        y_label: "nats & bits",
        series: &[
            Series {
                name: "training",
                values: &[2.0, 1.0, 0.5],
            },
            Series {
                name: "validation",
                values: &[2.0, 1.5, 1.0],
            },
        ],
        mark: Some(Mark {
            epoch: 2,
            label: "kept",
        }),
    }
    .to_svg();
    let texts = texts(&svg);
    for wanted in [
        "Loss <1>",
        "nats & bits",
        "training",
        "validation",
        "epoch",
        "kept",
    ] {
        assert!(texts.iter().any(|text| text == wanted), "{wanted}");
    }
    // The ticks of both axes, in order.
    assert_eq!(texts[4..11], ["0.5", "1.0", "1.5", "2.0", "1", "2", "3"]);
    // Two lines over the whole width; the first falls from the top to the bottom of the axes.
    let lines = lines(&svg);
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0], "M62.0 58.0L341.0 202.0L620.0 274.0");
    assert!(svg.contains("<title>validation, epoch 3: 1.0000</title>"));
    assert!(svg.contains("<desc>training ends at 0.5000 after epoch 3; validation ends at 1.0000"));
    assert!(!svg.contains("script") && !svg.contains("href"));
}

#[test]
fn ticks_have_the_digits_that_they_need() {
    for (values, wanted) in [
        ([0.0, 25.0], ["0", "5", "10"]),
        ([0.0, 0.025], ["0", "0.005", "0.010"]),
        ([0.0, 2.5e-5], ["0", "5.0e-6", "1.0e-5"]),
        ([-3e7, 3e7], ["-4e7", "-2e7", "0"]),
    ] {
        let texts = texts(&chart(&[Series {
            name: "x",
            values: &values,
        }]));
        assert_eq!(texts[2..5], wanted);
    }
}

#[test]
fn a_line_is_interrupted_where_a_value_is_missing() {
    let values = [1.0, 2.0, f64::NAN, 1.0, f64::INFINITY, 2.0];
    let lines = lines(&chart(&[Series {
        name: "x",
        values: &values,
    }]));
    assert_eq!(lines[0].matches('M').count(), 3);
    assert_eq!(lines[0].matches('L').count(), 1);
}

#[test]
fn charts_with_little_in_them_are_still_charts() {
    for values in [
        &[][..],
        &[0.0],
        &[f64::NAN],
        &[1.0, 1.0],
        &[1e300, -1e300],
        &[5e-324, 0.0],
        &[f64::MIN, 0.0],
        &[f64::MIN, f64::MAX],
    ] {
        let svg = chart(&[Series { name: "x", values }]);
        assert!(
            lines(&svg).iter().all(|line| !line.contains("NaN")) && !svg.contains("inf"),
            "{values:?}: {svg}"
        );
        assert!(texts(&svg).len() >= 6, "{values:?}");
    }
    assert!(texts(&chart(&[])).contains(&"epoch".to_owned()));
}

#[test]
fn many_epochs_get_few_ticks_and_no_points() {
    let values: Vec<f64> = (0..1000)
        .map(|epoch| 1.0 / (1.0 + f64::from(epoch)))
        .collect();
    let svg = chart(&[Series {
        name: "x",
        values: &values,
    }]);
    assert!(!svg.contains("<circle"));
    let texts = texts(&svg);
    assert!(texts.contains(&"1".to_owned()) && texts.contains(&"1000".to_owned()));
    assert!(texts.len() < 30);
}

#[test]
fn a_heat_map_holds_every_count_once() {
    let truth = [0, 0, 0, 1, 1, 2];
    let predicted = [0, 0, 1, 1, 1, 0];
    let confusion = Confusion::new(3, &truth, &predicted).expect("labels fit");
    let names = ["a<b", "dog", "a name that is too long"].map(str::to_owned);
    let svg = confusion_matrix(&confusion, &names).expect("names fit");
    let document = Document::parse(&svg).expect("well-formed XML");
    let told: Vec<&str> = document
        .descendants()
        .filter(|node| node.has_tag_name("g"))
        .filter_map(|cell| cell.first_element_child()?.text())
        .collect();
    assert_eq!(
        told,
        [
            "2 of 3 samples of a<b (66.7 %) predicted as a<b",
            "1 of 3 samples of a<b (33.3 %) predicted as dog",
            "2 of 2 samples of dog (100.0 %) predicted as dog",
            "1 of 1 samples of a name that is too long (100.0 %) predicted as a<b",
        ]
    );
    assert!(svg.contains("6 samples of 3 classes, 66.67 % predicted right"));
    assert!(texts(&svg).contains(&"a name that is…".to_owned()));
    assert!(confusion_matrix(&confusion, &names[..2]).is_err());
}

#[test]
fn a_heat_map_of_very_many_classes_draws_only_what_occurred() {
    let truth: Vec<u32> = (0..1000).collect();
    let confusion = Confusion::new(1000, &truth, &truth).expect("labels fit");
    let names: Vec<String> = truth.iter().map(u32::to_string).collect();
    let svg = confusion_matrix(&confusion, &names).expect("names fit");
    assert_eq!(svg.matches("<g>").count(), 1000);
    assert_eq!(texts(&svg).len(), 3);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn charts_of_any_numbers_are_well_formed_and_stay_inside(
        values in prop::collection::vec(any::<f64>(), 0..20), name in any::<String>(),
    ) {
        let svg = chart(&[Series { name: &name, values: &values }]);
        for line in lines(&svg) {
            let numbers: Vec<f64> = line
                .split(['M', 'L', ' '])
                .filter(|number| !number.is_empty())
                .map(|number| number.parse().expect("a number"))
                .collect();
            for point in numbers.chunks(2) {
                prop_assert!((62.0..=620.0).contains(&point[0]), "{line}");
                prop_assert!((58.0..=274.0).contains(&point[1]), "{line}");
            }
        }
    }
}
