//! Checkpoints: what is saved is loaded, bit for bit; what is damaged is refused by name and place.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use backprove_nn::checkpoint::Checkpoint;
use backprove_nn::files;
use proptest::prelude::*;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

fn sample() -> Checkpoint {
    let mut checkpoint = Checkpoint::default();
    checkpoint
        .insert(
            "W",
            &[2, 3],
            vec![1.0, -2.5, f32::MIN_POSITIVE, f32::INFINITY, -0.0, 1e-45],
        )
        .expect("it fits");
    checkpoint.insert("scale", &[], vec![0.5]).expect("it fits");
    checkpoint
        .insert("empty", &[0, 4], vec![])
        .expect("it fits");
    for name in ["program", "classes", "epoch", "seed", "a", "b"] {
        checkpoint.set_text(name, format!("{name}: \"Y\" = X @ W.T\n# é"));
    }
    checkpoint
}

fn bits(checkpoint: &Checkpoint) -> Vec<(String, Vec<usize>, Vec<u32>)> {
    checkpoint
        .tensors()
        .map(|(name, tensor)| {
            let values = tensor
                .values()
                .iter()
                .map(|value| value.to_bits())
                .collect();
            (name.to_owned(), tensor.shape().to_vec(), values)
        })
        .collect()
}

fn error_of(path: &Path) -> String {
    let error = Checkpoint::load(path)
        .expect_err("the file is bad")
        .to_string();
    error.replace(&format!("{}", path.display()), "F")
}

#[test]
fn a_saved_checkpoint_is_loaded_bit_for_bit() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("m.safetensors");
    sample().save(&path).expect("writable");
    let loaded = Checkpoint::load(&path).expect("sound");
    assert_eq!(bits(&loaded), bits(&sample()));
    assert_eq!(
        loaded.texts().collect::<Vec<_>>(),
        sample().texts().collect::<Vec<_>>()
    );
    assert_eq!((loaded.tensor("V"), loaded.text("none")), (None, None));
    let first = fs::read(&path).expect("readable");
    loaded.save(&path).expect("writable");
    assert_eq!(first, fs::read(&path).expect("readable"));
}

#[test]
fn the_library_of_the_format_reads_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("m.safetensors");
    sample().save(&path).expect("writable");
    let bytes = fs::read(&path).expect("readable");
    let file = SafeTensors::deserialize(&bytes).expect("the format");
    let weight = file.tensor("W").expect("it was saved");
    assert_eq!((weight.dtype(), weight.shape()), (Dtype::F32, &[2, 3][..]));
    let (_, header) = SafeTensors::read_metadata(&bytes).expect("the format");
    assert_eq!(
        header
            .metadata()
            .as_ref()
            .map(std::collections::HashMap::len),
        Some(6)
    );
}

#[test]
fn tensors_that_do_not_fit_are_refused() {
    let mut checkpoint = Checkpoint::default();
    for (name, shape, wanted) in [
        (
            "W",
            vec![2, 2],
            "tensor W of shape [2, 2] cannot hold 3 numbers",
        ),
        (
            "W",
            vec![usize::MAX, 3],
            "tensor W of shape [18446744073709551615, 3] cannot hold 3 numbers",
        ),
        (
            "__metadata__",
            vec![3],
            "tensor __metadata__ of shape [3] cannot hold 3 numbers",
        ),
    ] {
        let error = checkpoint
            .insert(name, &shape, vec![0.0; 3])
            .expect_err("it does not fit");
        assert_eq!(error.to_string(), wanted);
    }
}

#[test]
fn bad_files_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("m.safetensors");
    sample().save(&path).expect("writable");
    let whole = fs::read(&path).expect("readable");
    let header = u64::from_le_bytes(*whole.first_chunk().expect("eight bytes")) as usize;
    let tensors = 8 + header;
    let cut = whole[..whole.len() - 5].to_vec();
    let grown = [whole.as_slice(), b"more"].concat();
    let alien_header = [&16_u64.to_le_bytes()[..], b"{ no json here }"].concat();
    for (bytes, wanted) in [
        (vec![], "F, byte 0: expected a safetensors file, which begins with eight bytes of header length, found 0 bytes".to_owned()),
        (
            b"%PDF-1.7 something else".to_vec(),
            "F, byte 0: expected a safetensors file, which begins with the length of its header, \
             found a length of 3976169591536898085 with 15 bytes behind it".to_owned(),
        ),
        (
            cut,
            format!("F, byte {tensors}: expected as many bytes of tensors as the header announces, found 23 bytes; the file is cut off or has grown"),
        ),
        (
            grown,
            format!("F, byte {tensors}: expected as many bytes of tensors as the header announces, found 32 bytes; the file is cut off or has grown"),
        ),
        (
            whole[..100].to_vec(),
            format!("F, byte 0: expected a safetensors file, which begins with the length of its header, found a length of {header} with 92 bytes behind it"),
        ),
    ] {
        fs::write(&path, bytes).expect("writable");
        assert_eq!(error_of(&path), wanted);
    }
    fs::write(&path, alien_header).expect("writable");
    assert!(
        error_of(&path)
            .starts_with("F, byte 8: expected a safetensors header, found “invalid JSON")
    );
    let halves = TensorView::new(Dtype::F16, vec![2], &[0; 4]).expect("it fits");
    let bytes = safetensors::serialize([("W", halves)], None).expect("memory");
    fs::write(&path, bytes).expect("writable");
    assert_eq!(
        error_of(&path),
        "F: expected tensor W of type F32, found F16"
    );
    assert_eq!(
        error_of(folder.path()),
        "F: expected a safetensors file, found a folder"
    );
    assert!(error_of(&folder.path().join("none")).starts_with("F: cannot find the file: "));
}

#[test]
fn a_failed_write_leaves_the_old_file_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let taken = folder.path().join("taken");
    fs::create_dir(&taken).expect("writable");
    fs::write(taken.join("inside"), "kept").expect("writable");
    let error = files::write(&taken, b"new").expect_err("a folder has the name");
    assert_eq!(error.path(), Some(taken.as_path()));
    let names: Vec<_> = fs::read_dir(folder.path())
        .expect("readable")
        .map(|entry| entry.expect("readable").file_name())
        .collect();
    assert_eq!(names, ["taken"]);
    let error = files::write(&folder.path().join("no/such"), b"new").expect_err("no such folder");
    assert!(
        error
            .to_string()
            .contains("no/such: cannot write the file: ")
    );
    let path = folder.path().join("file");
    files::write(&path, b"old").expect("writable");
    files::write(&path, b"new").expect("writable");
    assert_eq!(fs::read(&path).expect("readable"), b"new");
}

/// A result is readable for whomever the user's mask allows, not private as temporary files are.
#[cfg(unix)]
#[test]
fn a_written_file_has_the_usual_permissions() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mode = |name: &str| {
        let meta = fs::metadata(folder.path().join(name)).expect("it is there");
        meta.permissions().mode()
    };
    fs::write(folder.path().join("plain"), "").expect("writable");
    files::write(&folder.path().join("whole"), b"").expect("writable");
    assert_eq!(mode("whole"), mode("plain"));
}

static SAVED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("m");
    sample().save(&path).expect("writable");
    fs::read(&path).expect("readable")
});

proptest! {
    #[test]
    fn damaged_checkpoints_never_panic(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        end in any::<prop::sample::Index>(),
        random in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("m");
        let mut bytes = SAVED.clone();
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let cut = bytes[..end.index(bytes.len())].to_vec();
        for (bytes, may_load) in [(bytes, true), (cut, false), (random, false)] {
            fs::write(&path, bytes).expect("writable");
            match Checkpoint::load(&path) {
                Ok(_) => prop_assert!(may_load),
                Err(error) => prop_assert!(error.to_string().contains(": expected ")),
            }
        }
    }
}
