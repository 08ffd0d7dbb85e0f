//! Tables as others write them: quotes that do not close, and columns in another order than in the training data.

use std::fs;
use std::path::{Path, PathBuf};

use backprove_nn::data::{Options, load, load_features};

const CLOSING: &str = "expected a quote that closes the field which one opens here";

const NAMES: &str = "line 1: expected the features of the training data, “x”, “y”, “x”";

struct Folder(tempfile::TempDir);

impl Folder {
    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).expect("a writable folder");
        path
    }

    /// The error's text with the folder's path taken out.
    fn error(&self, path: &Path, options: &Options) -> String {
        let error = load(path, options).expect_err("the file is bad");
        let folder = format!("{}/", self.0.path().display());
        error.to_string().replace(&folder, "")
    }
}

#[test]
fn quotes_that_do_not_close() {
    let folder = Folder(tempfile::tempdir().expect("a temporary folder"));
    for (text, wanted) in [
        (
            "1,2,3,\"k0\n4,5,6,k1\n",
            format!("t.csv, line 1: {CLOSING}, found the end of the file"),
        ),
        (
            "\u{feff}a,b\n1,k\r\n\n2,\"k\n3,k",
            format!("t.csv, line 4: {CLOSING}, found the end of the file"),
        ),
        (
            "a,b\n1,k\n2,\"k\n3,\"j\"\n",
            format!("t.csv, line 3: {CLOSING}, found more text behind the next quote, in line 4"),
        ),
        (
            "a,b\n1,k\n2,\"k\n3,k\"\n",
            "t.csv, line 3, column 2: expected a label on a single line, found “k\n3,k”".to_owned(),
        ),
    ] {
        let path = folder.write("t.csv", text);
        assert_eq!(folder.error(&path, &Options::default()), wanted, "{text}");
    }
    let text = "\u{feff}\"a\nb\",\"c\"\"\"\r\n\"1\" ,k\"k\n2,\"k\"\"\"\n\"3\",\"\"\"k\"";
    let data = load(&folder.write("t.csv", text), &Options::default())
        .expect("the file is good")
        .train;
    assert_eq!(data.features(), [1.0, 2.0, 3.0]);
    assert_eq!(data.class_names(), ["\"k", "k\"", "k\"k"]);
    assert_eq!(data.about().feature_names, ["a\nb"]);
}

#[test]
fn columns_are_found_by_the_names_that_a_network_knows() {
    let folder = Folder(tempfile::tempdir().expect("a temporary folder"));
    let known = |label: Option<&str>| Options {
        label: label.map(str::to_owned),
        feature_names: vec!["x".to_owned(), "y".to_owned(), "x".to_owned()],
        ..Options::default()
    };
    // The features are x = 1, y = 2 and the second x = 3; without a header the order decides.
    for (text, label) in [
        ("x,y,x,kind\n1,2,3,a\n", None),
        ("kind,y,x,x\na,2,1,3\n", None),
        ("x,kind,x,y\n1,a,3,2\n", Some("kind")),
        ("y,x,x,kind\n2,1,3,a\n", Some("4")),
        ("1,2,3,a\n", None),
        ("a,1,2,3\n", Some("1")),
    ] {
        let path = folder.write("t.csv", text);
        let data = load(&path, &known(label)).expect(text).train;
        assert_eq!(
            (data.features(), data.class_names()),
            (&[1.0, 2.0, 3.0][..], &["a".to_owned()][..]),
            "{text}"
        );
        let features = load_features(&path, 3, &known(label)).expect(text);
        assert_eq!(features, [1.0, 2.0, 3.0], "{text}");
    }
    for text in ["y,x,x\n2,1,3\n", "1,2,3\n"] {
        let path = folder.write("t.csv", text);
        let features = load_features(&path, 3, &known(None)).expect(text);
        assert_eq!(features, [1.0, 2.0, 3.0], "{text}");
    }
    for (text, label, wanted) in [
        ("x,y,z,kind\n1,2,3,a\n", None, format!("t.csv, {NAMES}, found “x”, “y”, “z”, “kind”")),
        ("x,y,label\n1,2,3\n", None, format!("t.csv, {NAMES}, found “x”, “y”, “label”")),
        (
            "x,y,x,id,kind\n1,2,3,4,a\n",
            None,
            format!("t.csv, {NAMES}, and at most one column besides, the label, found “x”, “y”, “x”, “id”, “kind”"),
        ),
        (
            "x,y,x,kind\n1,2,3,a\n",
            Some("y"),
            format!("t.csv, {NAMES}, and the label “y”, found “x”, “y”, “x”, “kind”"),
        ),
        (
            "x,y,x\n1,2,3\n",
            None,
            "t.csv, line 1: expected a column with the label, found the features alone, “x”, “y”, “x”".to_owned(),
        ),
    ] {
        let path = folder.write("t.csv", text);
        assert_eq!(folder.error(&path, &known(label)), wanted, "{text}");
    }
}
