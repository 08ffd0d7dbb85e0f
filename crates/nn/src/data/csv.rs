//! Tables with a label column: comma-, semicolon- or tab-separated, also gzipped. Must never guess
//! a value: a field that is no finite number is an error with its line and column.

use std::collections::BTreeMap;
use std::path::Path;

use ::csv::{ErrorKind, Position, Reader, ReaderBuilder, StringRecord, Trim};

use super::dataset::MOST_CLASSES;
use super::source::Source;
use super::{About, Dataset, Options, TrainTest, quotes};
use crate::Error;
use crate::error::Place;

/// The names by which a label column is known.
const LABEL_NAMES: [&str; 3] = ["label", "class", "target"];

/// Reads one table, or a training and a test table with the same columns and classes.
pub(super) fn load(
    train: &Path,
    test: Option<&Path>,
    options: &Options,
) -> Result<TrainTest, Error> {
    let (train, table) = read(train, options)?;
    let Some(path) = test else {
        return Ok(TrainTest { train, test: None });
    };
    let options = Options {
        class_names: Some(train.class_names().to_vec()),
        ..options.clone()
    };
    let (test, other) = read(path, &options)?;
    if table != other {
        return Err(Error::content(
            path,
            Place::Line(1),
            format!("the columns of the training table, {table}"),
            other.to_string(),
        ));
    }
    Ok(TrainTest {
        train,
        test: Some(test),
    })
}

/// Reads the features alone, of a table with or without a label column.
pub(super) fn load_features(
    path: &Path,
    feature_count: usize,
    options: &Options,
) -> Result<Vec<f32>, Error> {
    let text = Source::open(path, options.max_bytes)?.read_to_end()?;
    let mut table = Table::new(path, &text)?;
    let first = table.first()?;
    let layout = if let Some(layout) = by_names(path, &first, options)? {
        layout
    } else if first.len() == feature_count && options.label.is_none() {
        let header = options
            .header
            .unwrap_or_else(|| looks_like_header(&first, None));
        Layout::new(&first, None, header)
    } else {
        layout(path, &first, options)?
    };
    if layout.feature_count() != feature_count {
        return Err(Error::content(
            path,
            Place::Line(1),
            format!("{feature_count} columns of features, and perhaps one with a label"),
            format!("{} columns", layout.columns),
        ));
    }
    let mut rows = Rows::default();
    table.each(&layout, &first, |table, record| {
        rows.add_features(table, &layout, record)
    })?;
    Ok(rows.features)
}

/// Where features and label stand.
#[derive(Debug, PartialEq)]
struct Layout {
    /// The columns' names, where the table has a header.
    names: Option<Vec<String>>,
    columns: usize,
    label: Option<usize>,
    /// The columns of the features, in the order in which a network takes them.
    features: Vec<usize>,
}

impl Layout {
    fn new(first: &StringRecord, label: Option<usize>, header: bool) -> Self {
        Self {
            names: header.then(|| first.iter().map(str::to_owned).collect()),
            columns: first.len(),
            label,
            features: (0..first.len())
                .filter(|&column| Some(column) != label)
                .collect(),
        }
    }

    fn feature_count(&self) -> usize {
        self.features.len()
    }

    /// The features' names, in their order; none without a header.
    fn feature_names(&self) -> Vec<String> {
        let name = |names: &Vec<String>| {
            let features = self.features.iter();
            features.map(|&column| names[column].clone()).collect()
        };
        self.names.as_ref().map(name).unwrap_or_default()
    }
}

impl std::fmt::Display for Layout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.names {
            Some(names) => f.write_str(&list(names.iter().map(String::as_str))),
            None => write!(f, "{} without names", self.columns),
        }
    }
}

fn read(path: &Path, options: &Options) -> Result<(Dataset, Layout), Error> {
    let text = Source::open(path, options.max_bytes)?.read_to_end()?;
    let mut table = Table::new(path, &text)?;
    let first = table.first()?;
    let layout = match by_names(path, &first, options)? {
        Some(layout) => layout,
        None => layout(path, &first, options)?,
    };
    if layout.label.is_none() {
        let found = format!("the features alone, {}", list(first.iter()));
        return Err(Error::content(
            path,
            Place::Line(1),
            "a column with the label",
            found,
        ));
    }
    let mut rows = Rows::default();
    table.each(&layout, &first, |table, record| {
        rows.add_features(table, &layout, record)?;
        rows.add_label(table, &layout, record)
    })?;
    let class_names = rows.name_classes(&table, options)?;
    let about = About {
        name: super::name_of(path),
        class_names,
        feature_shape: vec![layout.feature_count()],
        feature_names: layout.feature_names(),
        feature_range: None,
        attribution: None,
    };
    Ok((Dataset::new(rows.features, rows.labels, about)?, layout))
}

/// A file as records.
struct Table<'a> {
    path: &'a Path,
    text: &'a [u8],
    reader: Reader<&'a [u8]>,
}

impl<'a> Table<'a> {
    fn new(path: &'a Path, text: &'a [u8]) -> Result<Self, Error> {
        let first_line = text.split(|&byte| byte == b'\n').next().unwrap_or(&[]);
        let first_line = String::from_utf8_lossy(first_line);
        // The last of several that occur equally often is taken, so the comma stands last.
        let separator = [b'\t', b';', b',']
            .into_iter()
            .max_by_key(|&separator| first_line.matches(char::from(separator)).count())
            .unwrap_or(b',');
        quotes::check(path, text, separator)?;
        Ok(Self {
            path,
            text,
            reader: ReaderBuilder::new()
                .has_headers(false)
                .delimiter(separator)
                .trim(Trim::All)
                .from_reader(text),
        })
    }

    fn next(&mut self) -> Result<Option<StringRecord>, Error> {
        let mut record = StringRecord::new();
        match self.reader.read_record(&mut record) {
            Ok(true) => Ok(Some(record)),
            Ok(false) => Ok(None),
            Err(error) => Err(self.error(error)),
        }
    }

    /// The first line that is not blank.
    fn first(&mut self) -> Result<StringRecord, Error> {
        let end = Place::Byte(self.text.len() as u64);
        self.next()?
            .ok_or_else(|| Error::content(self.path, end, "a table", "the end of the file"))
    }

    /// Gives each row to `add`, the first line too where it is no header. Fails where there is none.
    fn each(
        &mut self,
        layout: &Layout,
        first: &StringRecord,
        mut add: impl FnMut(&Self, &StringRecord) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut empty = layout.names.is_some();
        if !empty {
            add(self, first)?;
        }
        while let Some(record) = self.next()? {
            add(self, &record)?;
            empty = false;
        }
        if empty {
            let end = Place::Byte(self.text.len() as u64);
            let expected = "a row below the columns' names";
            return Err(Error::content(
                self.path,
                end,
                expected,
                "the end of the file",
            ));
        }
        Ok(())
    }

    /// The line of the record that the parser met at `position`. Counted only for an error: the
    /// parser's own count stands still on blank lines before a record.
    fn line(&self, position: Option<&Position>) -> u64 {
        let start = position.map_or(0, Position::byte) as usize;
        let blank = |byte: &&u8| matches!(byte, b'\r' | b'\n');
        let (before, rest) = self.text.split_at(start.min(self.text.len()));
        let blanks = rest.iter().take_while(blank);
        let ends = before.iter().chain(blanks).filter(|&&byte| byte == b'\n');
        ends.fold(1, |line, _| line + 1)
    }

    /// The place of a field; columns count from zero here and from one there.
    fn place(&self, position: Option<&Position>, column: usize) -> Place {
        Place::Cell(self.line(position), column as u64 + 1)
    }

    fn error(&self, error: ::csv::Error) -> Error {
        let position = error.position().cloned();
        let position = position.as_ref();
        match error.into_kind() {
            ErrorKind::UnequalLengths {
                expected_len, len, ..
            } => {
                let expected = format!("{expected_len} fields, as in the first line");
                let place = Place::Line(self.line(position));
                Error::content(self.path, place, expected, len.to_string())
            }
            ErrorKind::Utf8 { err, .. } => {
                let place = self.place(position, err.field());
                Error::content(self.path, place, "UTF-8 text", "other bytes")
            }
            _ => {
                let place = Place::Line(self.line(position));
                Error::content(self.path, place, "a row of a table", "something else")
            }
        }
    }
}

/// Finds the columns that a network knows by name, and the label's among the others. Nothing where it knows no names or
/// the table has none; then the order of the columns decides.
fn by_names(path: &Path, first: &StringRecord, options: &Options) -> Result<Option<Layout>, Error> {
    let wanted = &options.feature_names;
    if wanted.is_empty() || options.header == Some(false) {
        return Ok(None);
    }
    let mut left: Vec<usize> = (0..first.len()).collect();
    let mut take = |name: &String| {
        let place = left.iter().position(|&column| first[column] == **name)?;
        Some(left.remove(place))
    };
    let found: Option<Vec<usize>> = wanted.iter().map(&mut take).collect();
    let expected = |rest: &str| {
        let names = list(wanted.iter().map(String::as_str));
        let expected = format!("the features of the training data, {names}{rest}");
        Error::content(path, Place::Line(1), expected, list(first.iter()))
    };
    let Some(features) = found else {
        let number = options.label.as_ref().and_then(|label| label.parse().ok());
        let last = (first.len() > wanted.len()).then_some(first.len());
        let label = number
            .or(last)
            .map(|column: usize| column.saturating_sub(1));
        let usual = |name: &str| {
            LABEL_NAMES
                .iter()
                .any(|label| name.eq_ignore_ascii_case(label))
        };
        let headed = options.header == Some(true)
            || first.iter().any(usual)
            || looks_like_header(first, label);
        return if headed { Err(expected("")) } else { Ok(None) };
    };
    let named = |column: usize, label: &str| {
        first[column].eq_ignore_ascii_case(label) || label.parse() == Ok(column + 1)
    };
    let label = match (left.as_slice(), &options.label) {
        ([], None) => None,
        ([only], None) => Some(*only),
        ([only], Some(label)) if named(*only, label) => Some(*only),
        (_, None) => return Err(expected(", and at most one column besides, the label")),
        (_, Some(label)) => return Err(expected(&format!(", and the label “{label}”"))),
    };
    Ok(Some(Layout {
        features,
        ..Layout::new(first, label, true)
    }))
}

/// Finds the label's column, and whether `first` is a header.
fn layout(path: &Path, first: &StringRecord, options: &Options) -> Result<Layout, Error> {
    let columns = first.len();
    if columns < 2 {
        return Err(Error::content(
            path,
            Place::Line(1),
            "at least two columns, features and a label",
            "one",
        ));
    }
    let named = |wanted: &str| {
        let same = |name: &str| name.eq_ignore_ascii_case(wanted);
        first
            .iter()
            .position(|name| name == wanted)
            .or_else(|| first.iter().position(same))
    };
    let by_number = |wanted: &str| {
        let number: usize = wanted.parse().ok()?;
        (1..=columns).contains(&number).then(|| number - 1)
    };
    let usual = || LABEL_NAMES.iter().find_map(|name| named(name));
    // A name can only stand in a header; a header is otherwise told by a feature that is no number.
    let (label, header) = if let Some(wanted) = &options.label {
        let name =
            named(wanted).filter(|_| options.header != Some(false) && number(wanted).is_none());
        if let Some(label) = name {
            (label, true)
        } else if let Some(label) = by_number(wanted) {
            (
                label,
                options
                    .header
                    .unwrap_or_else(|| looks_like_header(first, Some(label))),
            )
        } else {
            return Err(Error::content(
                path,
                Place::Line(1),
                format!("a column called “{wanted}”, or a number from 1 to {columns}"),
                list(first.iter()),
            ));
        }
    } else {
        let last = columns - 1;
        let header = options
            .header
            .unwrap_or_else(|| usual().is_some() || looks_like_header(first, Some(last)));
        (usual().filter(|_| header).unwrap_or(last), header)
    };
    Ok(Layout::new(first, Some(label), header))
}

/// Whether a field that should be a feature is no number.
fn looks_like_header(first: &StringRecord, label: Option<usize>) -> bool {
    let mut features = first
        .iter()
        .enumerate()
        .filter(|&(column, _)| Some(column) != label);
    features.any(|(_, field)| !field.is_empty() && number(field).is_none())
}

/// Fields or names for a message, cut short where there are many.
fn list<'a>(mut fields: impl Iterator<Item = &'a str>) -> String {
    const MOST: usize = 12;
    let shown: Vec<String> = fields.by_ref().take(MOST).map(quoted).collect();
    let rest = fields.count();
    if rest > 0 {
        format!("{} and {rest} more", shown.join(", "))
    } else {
        shown.join(", ")
    }
}

/// A field for a message, cut short where it is long.
fn quoted(field: &str) -> String {
    const MOST: usize = 40;
    if field.is_empty() {
        "an empty field".to_owned()
    } else if field.chars().count() > MOST {
        format!("“{}…”", field.chars().take(MOST).collect::<String>())
    } else {
        format!("“{field}”")
    }
}

fn number(field: &str) -> Option<f32> {
    field.parse().ok().filter(|number: &f32| number.is_finite())
}

/// What was read of the rows; labels count the classes in order of first appearance.
#[derive(Default)]
struct Rows {
    features: Vec<f32>,
    labels: Vec<u32>,
    classes: BTreeMap<String, u32>,
    /// The record and the column in which each class was first seen.
    seen: Vec<(Option<Position>, usize)>,
}

impl Rows {
    fn add_features(
        &mut self,
        table: &Table,
        layout: &Layout,
        record: &StringRecord,
    ) -> Result<(), Error> {
        for &column in &layout.features {
            let field = record.get(column).unwrap_or_default();
            let number = number(field).ok_or_else(|| {
                // Text that is a number in double precision alone is beyond single precision.
                let number = match field.parse::<f64>() {
                    Ok(value) if value.is_finite() => "a number of single precision, up to 3.4e38",
                    _ => "a number",
                };
                let expected = match layout.label {
                    Some(label) => format!("{number} (column {} is the label)", label + 1),
                    None => format!("{number} (there is no label)"),
                };
                let place = table.place(record.position(), column);
                Error::content(table.path, place, expected, quoted(field))
            })?;
            self.features.push(number);
        }
        Ok(())
    }

    fn add_label(
        &mut self,
        table: &Table,
        layout: &Layout,
        record: &StringRecord,
    ) -> Result<(), Error> {
        let column = layout.label.unwrap_or_default();
        let field = record.get(column).unwrap_or_default();
        let place = || table.place(record.position(), column);
        if field.is_empty() {
            return Err(Error::content(
                table.path,
                place(),
                "a label",
                quoted(field),
            ));
        }
        if field.contains('\n') {
            let expected = "a label on a single line";
            return Err(Error::content(table.path, place(), expected, quoted(field)));
        }
        let class = if let Some(&class) = self.classes.get(field) {
            class
        } else {
            if self.seen.len() == MOST_CLASSES {
                let expected = format!("at most {MOST_CLASSES} different labels");
                let found = format!("one more, {}; is it a number to predict?", quoted(field));
                return Err(Error::content(table.path, place(), expected, found));
            }
            let class = self.seen.len() as u32;
            self.classes.insert(field.to_owned(), class);
            self.seen.push((record.position().cloned(), column));
            class
        };
        self.labels.push(class);
        Ok(())
    }

    /// Renumbers the labels by the classes' order, and names it: as asked for, otherwise by value
    /// where all names are numbers, otherwise by name.
    fn name_classes(&mut self, table: &Table, options: &Options) -> Result<Vec<String>, Error> {
        let names = if let Some(names) = &options.class_names {
            names.clone()
        } else {
            let mut names: Vec<String> = self.classes.keys().cloned().collect();
            let values: Option<Vec<f64>> = names.iter().map(|name| name.parse().ok()).collect();
            if let Some(values) = values {
                let mut valued: Vec<_> = values.into_iter().zip(names).collect();
                valued.sort_by(|a, b| a.0.total_cmp(&b.0));
                names = valued.into_iter().map(|(_, name)| name).collect();
            }
            names
        };
        let mut class_of = vec![0; self.seen.len()];
        for (name, &first_seen) in &self.classes {
            let Some(class) = names.iter().position(|known| known == name) else {
                let known = list(names.iter().map(String::as_str));
                let (position, column) = &self.seen[first_seen as usize];
                return Err(Error::content(
                    table.path,
                    table.place(position.as_ref(), *column),
                    format!("one of the classes {known}"),
                    quoted(name),
                ));
            };
            class_of[first_seen as usize] = class as u32;
        }
        for label in &mut self.labels {
            *label = class_of[*label as usize];
        }
        Ok(names)
    }
}
