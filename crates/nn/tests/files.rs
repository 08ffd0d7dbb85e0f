//! Every file format, good and bad: a bad file's error names the file, the place, what was expected
//! and what was found.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use backprove_nn::data::{Options, TrainTest, load, load_features};
use flate2::{Compression, write::GzEncoder};
use tempfile::TempDir;

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, bytes).expect("a writable folder");
        path
    }

    /// The error's text with the folder's path taken out.
    fn error(&self, path: &Path, options: &Options) -> String {
        let error = load(path, options).expect_err("the file is bad");
        assert!(
            error
                .path()
                .is_some_and(|path| path.starts_with(self.path()))
        );
        let folder = format!("{}/", self.path().display());
        error
            .to_string()
            .replace(&folder, "")
            .replace(&format!("{}", self.path().display()), ".")
    }
}

fn good(path: &Path) -> TrainTest {
    load(path, &Options::default()).expect("the file is good")
}

fn labelled_by(label: &str) -> Options {
    Options {
        label: Some(label.to_owned()),
        ..Options::default()
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn idx(extents: &[u32], bytes: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, 8, extents.len() as u8];
    file.extend(extents.iter().flat_map(|extent| extent.to_be_bytes()));
    file.extend(bytes);
    file
}

fn cifar(labels: &[u8]) -> Vec<u8> {
    labels
        .iter()
        .flat_map(|&label| {
            std::iter::once(label).chain((0..3072).map(move |i| (i % 251) as u8 ^ label))
        })
        .collect()
}

#[test]
fn idx_folders_plain_and_gzipped() {
    let folder = Folder::new();
    folder.write(
        "train-images-idx3-ubyte",
        idx(&[3, 1, 2], &[0, 1, 2, 3, 4, 255]),
    );
    folder.write("train-labels-idx1-ubyte.gz", gzip(&idx(&[3], &[2, 0, 1])));
    folder.write("t10k-images-idx3-ubyte.gz", gzip(&idx(&[1, 1, 2], &[7, 8])));
    folder.write("t10k-labels-idx1-ubyte", idx(&[1], &[1]));
    let data = good(folder.path());
    assert_eq!(data.train.features(), [0.0, 1.0, 2.0, 3.0, 4.0, 255.0]);
    assert_eq!(data.train.labels(), [2, 0, 1]);
    assert_eq!(data.train.feature_shape(), [1, 2]);
    assert_eq!(data.train.class_names(), ["0", "1", "2"]);
    assert_eq!(data.train.about().feature_range, Some((0.0, 255.0)));
    let test = data.test.expect("a test part");
    assert_eq!(
        (test.row(0), test.labels(), test.class_count()),
        (&[7.0, 8.0][..], &[1][..], 3)
    );
    let file = good(&folder.path().join("train-images-idx3-ubyte"));
    assert_eq!((file.train.labels(), file.test), (&[2, 0, 1][..], None));
}

#[test]
fn idx_files_that_are_bad() {
    let images = idx(&[2, 1, 2], &[1, 2, 3, 4]);
    let labels = idx(&[2], &[0, 1]);
    let edited = |file: &[u8], offset: usize, byte: u8| {
        let mut file = file.to_vec();
        file[offset] = byte;
        file
    };
    for (images, labels, wanted) in [
        (
            images[..19].to_vec(),
            labels.clone(),
            "i-images, byte 16: expected 4 bytes of pixels, found at most 3 bytes up to the end of the file",
        ),
        (
            [images.as_slice(), &[0]].concat(),
            labels.clone(),
            "i-images, byte 20: expected the end of the file, found more bytes",
        ),
        (
            images[..9].to_vec(),
            labels.clone(),
            "i-images, byte 8: expected 4 bytes of header, found at most 1 bytes up to the end of the file",
        ),
        (
            edited(&images, 11, 0),
            labels.clone(),
            "i-images, byte 8: expected an extent of at least 1, found 0",
        ),
        (
            edited(&images, 8, 255),
            labels.clone(),
            "i-images, byte 16: expected at most 4294967296 bytes in all, the limit for one file, \
             found a header that announces 17112760324 bytes of pixels",
        ),
        (
            images.clone(),
            edited(&labels, 7, 3),
            "i-labels, byte 4: expected 2 labels, one for each image of i-images, found 3",
        ),
        (
            images.clone(),
            edited(&labels, 2, 13),
            "i-labels, byte 2: expected type 0x08 (unsigned bytes), found type 0x0d",
        ),
        (
            images.clone(),
            edited(&labels, 0, b'x'),
            "i-labels, byte 0: expected two zero bytes, with which IDX files begin, found 0x78 0x00",
        ),
        (
            images.clone(),
            images.clone(),
            "i-labels, byte 3: expected a file of labels with 1 dimension, found 3",
        ),
    ] {
        let folder = Folder::new();
        let path = folder.write("i-images", images);
        folder.write("i-labels", labels);
        assert_eq!(folder.error(&path, &Options::default()), wanted);
    }
}

#[test]
fn idx_files_without_their_other_half() {
    let folder = Folder::new();
    let bytes = idx(&[1, 1], &[0]);
    let lonely = folder.write("lonely-images-idx3-ubyte.gz", gzip(&bytes));
    assert_eq!(
        folder.error(&lonely, &Options::default()),
        "lonely-images-idx3-ubyte.gz: expected its labels beside it, in lonely-labels-idx1-ubyte \
         or lonely-labels-idx1-ubyte.gz, found neither"
    );
    let labels = folder.write("some-labels-idx1-ubyte", idx(&[1], &[0]));
    assert_eq!(
        folder.error(&labels, &Options::default()),
        "some-labels-idx1-ubyte: expected a file of images with “images” in its name, and a file \
         with “labels” instead beside it, found the name of a file of labels"
    );
}

#[test]
fn a_test_part_must_fit_its_training_part() {
    let folder = Folder::new();
    folder.write("train-images-idx3-ubyte", idx(&[1, 1, 2], &[1, 2]));
    folder.write("train-labels-idx1-ubyte", idx(&[1], &[1]));
    let test = folder.write("t10k-images-idx3-ubyte", idx(&[1, 2, 1], &[1, 2]));
    folder.write("t10k-labels-idx1-ubyte", idx(&[1], &[2]));
    assert_eq!(
        folder.error(folder.path(), &Options::default()),
        ".: expected test images of shape [1, 2] as in training, found shape [2, 1]"
    );
    fs::write(test, idx(&[1, 1, 2], &[1, 2])).expect("writable");
    assert_eq!(
        folder.error(folder.path(), &Options::default()),
        "t10k-labels-idx1-ubyte, byte 8: expected a label from 0 to 1, found 2"
    );
    let options = Options {
        class_names: Some(vec!["a".to_owned(), "b".to_owned(), "c".to_owned()]),
        ..Options::default()
    };
    let data = load(folder.path(), &options).expect("three classes are enough");
    assert_eq!(data.train.class_names(), ["a", "b", "c"]);
}

/// A gzip file that holds far more than its header and its length say must not fill the memory.
#[test]
fn decompression_bombs_are_refused() {
    let zeros = vec![0; 1 << 20];
    let folder = Folder::new();
    let path = folder.write(
        "bomb-images.gz",
        gzip(&[idx(&[1, 1, 1], &[0]), zeros.clone()].concat()),
    );
    folder.write("bomb-labels", idx(&[1], &[0]));
    assert_eq!(
        folder.error(&path, &Options::default()),
        "bomb-images.gz, byte 17: expected the end of the file, found more bytes"
    );
    let small = Options {
        max_bytes: 1000,
        ..Options::default()
    };
    let path = folder.write("bomb.csv.gz", gzip(&b"1,2\n".repeat(1000)));
    assert_eq!(
        folder.error(&path, &small),
        "bomb.csv.gz, byte 1001: expected the end of the file, at the limit for one file, found more bytes"
    );
    let path = folder.write("bomb.bin.gz", gzip(&zeros));
    assert_eq!(
        folder.error(&path, &small),
        "bomb.bin.gz, byte 3073: expected the end of the file, at the limit for one file, found more bytes"
    );
}

#[test]
fn cifar_folders_and_files() {
    let folder = Folder::new();
    for number in 1..=5 {
        folder.write(
            &format!("cifar-10-batches-bin/data_batch_{number}.bin"),
            cifar(&[number, number + 4]),
        );
    }
    folder.write("cifar-10-batches-bin/test_batch.bin", cifar(&[9]));
    let data = good(folder.path());
    assert_eq!(data.train.labels(), [1, 5, 2, 6, 3, 7, 4, 8, 5, 9]);
    assert_eq!(data.train.feature_shape(), [3, 32, 32]);
    assert_eq!(data.train.class_names()[9], "truck");
    assert_eq!(data.train.row(1)[..3], [5.0, 4.0, 7.0]);
    assert_eq!(data.test.expect("a test part").labels(), [9]);
    let batches = folder.path().join("cifar-10-batches-bin");
    assert_eq!(good(&batches).train.len(), 10);
    assert_eq!(good(&batches.join("test_batch.bin")).train.len(), 1);
    fs::remove_file(batches.join("data_batch_3.bin")).expect("it is there");
    assert_eq!(
        folder.error(folder.path(), &Options::default()),
        "cifar-10-batches-bin: expected the batches data_batch_1.bin to data_batch_5.bin, found no data_batch_3.bin"
    );
}

#[test]
fn cifar_batches_that_are_bad() {
    let folder = Folder::new();
    for (bytes, wanted) in [
        (
            cifar(&[1, 2])[..6000].to_vec(),
            "b.bin, byte 3073: expected a record of 3073 bytes, one label and 3×32×32 pixels, \
             found 2927 up to the end of the file",
        ),
        (
            cifar(&[1, 10]),
            "b.bin, byte 3073: expected a label from 0 to 9, found 10",
        ),
        (
            vec![],
            "b.bin, byte 0: expected at least one record, found an empty file",
        ),
    ] {
        let path = folder.write("b.bin", bytes);
        assert_eq!(folder.error(&path, &Options::default()), wanted);
    }
    let path = folder.write("b.bin", cifar(&[1]));
    let options = Options {
        class_names: Some(vec!["one".to_owned()]),
        ..Options::default()
    };
    assert_eq!(
        folder.error(&path, &options),
        "b.bin: expected data with 1 classes, found CIFAR-10's ten"
    );
}

#[test]
fn tables_with_and_without_header() {
    let folder = Folder::new();
    for (text, options, rows, labels, names) in [
        (
            "1,2,b\n3,4,a\n",
            Options::default(),
            [1.0, 2.0, 3.0, 4.0],
            [1, 0],
            ["a", "b"],
        ),
        (
            "x,y,kind\n1,2,b\n3,4,a\n",
            Options::default(),
            [1.0, 2.0, 3.0, 4.0],
            [1, 0],
            ["a", "b"],
        ),
        (
            "Class,x,y\nb,1,2\na,3,4\n",
            Options::default(),
            [1.0, 2.0, 3.0, 4.0],
            [1, 0],
            ["a", "b"],
        ),
        (
            "x;kind;y\n1;b;2\n3;a;4\n",
            labelled_by("kind"),
            [1.0, 2.0, 3.0, 4.0],
            [1, 0],
            ["a", "b"],
        ),
        (
            "b\t1\t2\na\t3\t4\n",
            labelled_by("1"),
            [1.0, 2.0, 3.0, 4.0],
            [1, 0],
            ["a", "b"],
        ),
        (
            "\u{feff}1, 2 ,\"b, c\"\r\n\r\n3,4,a\r\n",
            Options::default(),
            [1.0, 2.0, 3.0, 4.0],
            [1, 0],
            ["a", "b, c"],
        ),
        // Numbers are ordered by value, not by spelling.
        (
            "1,2,10\n3,4,9",
            Options::default(),
            [1.0, 2.0, 3.0, 4.0],
            [1, 0],
            ["9", "10"],
        ),
        (
            "7,8,9\n1,2,10\n3,4,9",
            Options {
                header: Some(true),
                ..Options::default()
            },
            [1.0, 2.0, 3.0, 4.0],
            [1, 0],
            ["9", "10"],
        ),
        (
            "1e0,-2.5,b\n3,4,a",
            Options {
                header: Some(false),
                ..Options::default()
            },
            [1.0, -2.5, 3.0, 4.0],
            [1, 0],
            ["a", "b"],
        ),
    ] {
        for (name, bytes) in [
            ("t.csv", text.as_bytes().to_vec()),
            ("t.csv.gz", gzip(text.as_bytes())),
        ] {
            let path = folder.write(name, bytes);
            let data = load(&path, &options).expect(text).train;
            assert_eq!(data.features(), rows, "{text}");
            assert_eq!(data.labels(), labels, "{text}");
            assert_eq!(data.class_names(), names, "{text}");
        }
    }
}

#[test]
fn tables_that_are_bad() {
    let folder = Folder::new();
    let default = Options::default;
    for (text, options, wanted) in [
        (
            "",
            default(),
            "t.csv, byte 0: expected a table, found the end of the file",
        ),
        (
            "a,b\n",
            default(),
            "t.csv, byte 4: expected a row below the columns' names, found the end of the file",
        ),
        (
            "1\n2\n",
            default(),
            "t.csv, line 1: expected at least two columns, features and a label, found one",
        ),
        (
            "x,y\n1,a\nmany,b\n",
            default(),
            "t.csv, line 3, column 1: expected a number (column 2 is the label), found “many”",
        ),
        (
            "x,y\n1,a\n\n,b\n",
            default(),
            "t.csv, line 4, column 1: expected a number (column 2 is the label), found an empty field",
        ),
        (
            "x,y\nNaN,a\n",
            default(),
            "t.csv, line 2, column 1: expected a number (column 2 is the label), found “NaN”",
        ),
        (
            "x,y\n1e39,a\n",
            default(),
            "t.csv, line 2, column 1: expected a number of single precision, up to 3.4e38 (column 2 is the label), found “1e39”",
        ),
        (
            "x,y\n1,\n",
            default(),
            "t.csv, line 2, column 2: expected a label, found an empty field",
        ),
        (
            "x,y\n1,a\n2,b,3\n",
            default(),
            "t.csv, line 3: expected 2 fields, as in the first line, found 3",
        ),
        (
            "x,y\n1,a\n",
            labelled_by("z"),
            "t.csv, line 1: expected a column called “z”, or a number from 1 to 2, found “x”, “y”",
        ),
        (
            "x,y\n1,a\n",
            labelled_by("3"),
            "t.csv, line 1: expected a column called “3”, or a number from 1 to 2, found “x”, “y”",
        ),
        (
            "x,y\n1,a\n2,c\n",
            Options {
                class_names: Some(vec!["a".to_owned(), "b".to_owned()]),
                ..default()
            },
            "t.csv, line 3, column 2: expected one of the classes “a”, “b”, found “c”",
        ),
    ] {
        let path = folder.write("t.csv", text);
        assert_eq!(folder.error(&path, &options), wanted);
    }
    let path = folder.write("t.csv", b"x,y\n1,\xff\n");
    assert_eq!(
        folder.error(&path, &default()),
        "t.csv, line 2, column 2: expected UTF-8 text, found other bytes"
    );
    let numbers: Vec<String> = (0..5000).map(|i| format!("1,{i}")).collect();
    let path = folder.write("t.csv", numbers.join("\n"));
    assert_eq!(
        folder.error(&path, &default()),
        "t.csv, line 4097, column 2: expected at most 4096 different labels, found one more, “4096”; \
         is it a number to predict?"
    );
}

#[test]
fn gzip_files_that_are_cut_or_damaged() {
    let folder = Folder::new();
    let whole = gzip(&b"1,a\n2,b\n".repeat(100));
    let mut damaged = whole.clone();
    damaged[10] = 0xff;
    for (bytes, wanted) in [
        (
            &whole[..whole.len() - 9],
            "expected more gzip data, found the end of the file",
        ),
        (
            &whole[..12],
            "expected more gzip data, found the end of the file",
        ),
        (&damaged[..], "expected sound gzip data, found damaged data"),
    ] {
        let path = folder.write("t.csv.gz", bytes);
        let error = folder.error(&path, &Options::default());
        assert!(
            error.starts_with("t.csv.gz, byte ") && error.ends_with(wanted),
            "{error}"
        );
    }
}

#[test]
fn folders_of_tables() {
    let folder = Folder::new();
    assert_eq!(
        folder.error(folder.path(), &Options::default()),
        ".: expected train-images-idx3-ubyte (MNIST), data_batch_1.bin (CIFAR-10), train.csv or a \
         single table, found none of them"
    );
    folder.write("train.csv", "x,label\n1,cat\n2,ant\n3,bee\n");
    assert_eq!(good(folder.path()).test, None);
    // The test table has only some of the classes: their numbers are the training table's.
    let test = folder.write("test.csv", "x,label\n4,cat\n");
    let data = good(folder.path()).test.expect("a test part");
    assert_eq!((data.labels(), data.class_count()), (&[2][..], 3));
    fs::write(&test, "y,label\n4,cat\n").expect("writable");
    assert_eq!(
        folder.error(folder.path(), &Options::default()),
        "test.csv, line 1: expected the columns of the training table, “x”, “label”, found “y”, “label”"
    );
    fs::rename(&test, folder.path().join("a.csv")).expect("renamed");
    fs::rename(folder.path().join("train.csv"), folder.path().join("b.csv")).expect("renamed");
    assert!(
        folder
            .error(folder.path(), &Options::default())
            .ends_with("found 2 tables, none called train.csv")
    );
    fs::remove_file(folder.path().join("a.csv")).expect("it is there");
    assert_eq!(good(folder.path()).train.len(), 3);
}

#[test]
fn files_of_no_known_kind() {
    let folder = Folder::new();
    let path = folder.write("strange", [0, 1, 2, 3]);
    assert_eq!(
        folder.error(&path, &Options::default()),
        "strange, byte 0: expected an IDX file, a table, or a CIFAR-10 batch with a name that ends \
         in .bin, found something else"
    );
    let path = folder.write("text-without-an-end-to-its-name", "1,a\n2,b\n");
    assert_eq!(good(&path).train.len(), 2);
    let missing = folder.path().join("missing.csv");
    assert!(
        folder
            .error(&missing, &Options::default())
            .starts_with("missing.csv: cannot find the data: ")
    );
}

#[test]
fn features_without_labels() {
    let folder = Folder::new();
    let default = Options::default;
    for (text, options) in [
        ("1,2\n3,4\n", default()),
        ("x,y\n1,2\n3,4\n", default()),
        // A label column may be there, and may even be empty.
        ("1,2,a\n3,4,b\n", default()),
        ("x,label,y\n1,,2\n3,,4\n", default()),
        ("x,y,kind\n1,2,a\n3,4,b\n", labelled_by("kind")),
    ] {
        let path = folder.write("t.csv", text);
        let features = load_features(&path, 2, &options).expect(text);
        assert_eq!(features, [1.0, 2.0, 3.0, 4.0], "{text}");
    }
    let images = folder.write("pictures.gz", gzip(&idx(&[2, 1, 2], &[1, 2, 3, 4])));
    let features = load_features(&images, 2, &default()).expect("images need no labels here");
    assert_eq!(features, [1.0, 2.0, 3.0, 4.0]);
    let batch = folder.write("b.bin", cifar(&[1]));
    assert_eq!(
        load_features(&batch, 3072, &default())
            .expect("a batch")
            .len(),
        3072
    );
    let tables = Folder::new();
    tables.write("train.csv", "1,a\n2,b\n");
    tables.write("test.csv", "3,a\n");
    assert_eq!(
        load_features(tables.path(), 1, &default()).expect("a test part"),
        [3.0]
    );

    let table = folder.write("t.csv", "1,2,3,4\n");
    for (path, wanted) in [
        (
            &images,
            "pictures.gz: expected samples of 5 features, found 2",
        ),
        (&batch, "b.bin: expected samples of 5 features, found 3072"),
        (
            &table,
            "t.csv, line 1: expected 5 columns of features, and perhaps one with a label, found 4 columns",
        ),
    ] {
        let error = load_features(path, 5, &default()).expect_err("it does not fit");
        let folder = format!("{}/", folder.path().display());
        assert_eq!(error.to_string().replace(&folder, ""), wanted);
    }
}
