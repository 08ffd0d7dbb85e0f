//! No bytes make a reader panic: random ones, and good files with random damage.

use std::fs;
use std::io::Write;

use backprove_nn::data::{Options, load, load_features};
use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;

/// Gives `bytes` to every reader, plain and gzipped. A data set that comes out is sound by
/// [`Dataset::new`](backprove_nn::data::Dataset::new); here it need only not panic, and an error
/// must name a file.
fn read_as_everything(bytes: &[u8]) {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory");
    let zipped = encoder.finish().expect("memory");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let labels = [0, 0, 8, 1, 0, 0, 0, 2, 1, 0];
    fs::write(folder.path().join("sound-labels"), labels).expect("writable");
    let options = Options {
        max_bytes: 1 << 16,
        ..Options::default()
    };
    for name in [
        "sound-images",
        "any-images",
        "any-labels",
        "t.csv",
        "t.tsv",
        "b.bin",
        "any",
    ] {
        for (name, bytes) in [(name.to_owned(), bytes), (format!("{name}.gz"), &zipped)] {
            let path = folder.path().join(name);
            fs::write(&path, bytes).expect("writable");
            match load(&path, &options) {
                Ok(data) => assert!(!data.train.labels().is_empty()),
                Err(error) => assert!(error.path().is_some(), "{error}"),
            }
            if let Ok(features) = load_features(&path, 2, &options) {
                assert!(!features.is_empty() && features.len().is_multiple_of(2));
            }
        }
    }
}

/// A good file of some format.
fn good() -> impl Strategy<Value = Vec<u8>> {
    let table =
        prop::collection::vec((any::<f32>(), any::<i8>(), "[a-c]"), 1..9).prop_map(|rows| {
            let lines: Vec<String> = rows
                .iter()
                .map(|(x, y, label)| format!("{x},{y},{label}"))
                .collect();
            lines.join("\n").into_bytes()
        });
    prop_oneof![
        Just(
            [
                &[0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2][..],
                &[7; 8]
            ]
            .concat()
        ),
        Just([vec![3; 3073], vec![4; 3073]].concat()),
        table,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read_as_everything(&bytes);
    }

    #[test]
    fn random_text(text in "[0-9a-c,;\t\"\n\r .e+-]{0,120}") {
        read_as_everything(text.as_bytes());
    }

    #[test]
    fn headers_with_random_extents(
        kind in 0_u8..16, extents in prop::collection::vec(any::<u32>(), 0..5), rest in 0_usize..40,
    ) {
        let mut bytes = vec![0, 0, kind, extents.len() as u8];
        bytes.extend(extents.iter().flat_map(|extent| extent.to_be_bytes()));
        bytes.resize(bytes.len() + rest, 1);
        read_as_everything(&bytes);
    }

    #[test]
    fn damaged_files(
        mut bytes in good(), damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        end in any::<prop::sample::Index>(),
    ) {
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        read_as_everything(&bytes);
        read_as_everything(&bytes[..end.index(bytes.len())]);
    }
}
