//! Writing files so that a finished one is never lost. Must never leave a half-written file under
//! the name that was asked for.

use std::io::Write;
use std::path::Path;

use crate::Error;

/// Writes a whole file, or leaves what was there.
///
/// The bytes go to a temporary file in the same folder, which is forced to the disk and then takes
/// the name in one step; so neither an interrupt nor a full disk leaves a part under that name.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("model.bp");
/// backprove_nn::files::write(&path, b"Y = X @ W.T")?;
/// assert_eq!(std::fs::read(&path)?, b"Y = X @ W.T");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".unfinished-");
    // A temporary file is private by default; a result is for whomever the user's mask allows.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let write = || {
        let mut file = builder.tempfile_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        // The name is safe only when the folder that holds it is on the disk, too.
        #[cfg(unix)]
        std::fs::File::open(folder)?.sync_all()?;
        Ok(())
    };
    write().map_err(|error| Error::io(path, "write the file", error))
}
