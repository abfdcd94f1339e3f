//! The files of segments as an object store, as the query engine wants them: for reading.

use std::fmt;
use std::ops::Range;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use object_store::path::Path as ObjectPath;
use object_store::{
    Attributes, CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult,
    MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, Result,
};

use super::Files;
use crate::StorageError;

/// What errors call this store.
const NAME: &str = "segments";

impl fmt::Display for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "segments in {}", self.data_dir.display())
    }
}

fn failed(error: StorageError) -> Error {
    match error {
        StorageError::Io { path, source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            Error::NotFound {
                path: path.display().to_string(),
                source: source.into(),
            }
        }
        error => Error::Generic {
            store: NAME,
            source: error.with_causes().into(),
        },
    }
}

fn refused<T>() -> Result<T> {
    Err(Error::NotSupported {
        source: "segments are only read here".into(),
    })
}

#[async_trait]
impl ObjectStore for Files {
    async fn get_ranges(&self, location: &ObjectPath, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.read(location, ranges).await.map_err(failed)
    }

    async fn get_opts(&self, location: &ObjectPath, options: GetOptions) -> Result<GetResult> {
        let size = self.local(location).measure().map_err(failed)?;
        let range = match &options.range {
            _ if options.head => Ok(0..0),
            Some(range) => range.as_range(size),
            None => Ok(0..size),
        };
        let range = range.map_err(|source| Error::Generic {
            store: NAME,
            source: source.into(),
        })?;
        let content = self.read(location, std::slice::from_ref(&range)).await;
        let content = content.map_err(failed)?;
        Ok(GetResult {
            payload: GetResultPayload::Stream(stream::iter(content.into_iter().map(Ok)).boxed()),
            meta: ObjectMeta {
                location: location.clone(),
                // A segment never changes.
                last_modified: SystemTime::UNIX_EPOCH.into(),
                size,
                e_tag: None,
                version: None,
            },
            range,
            attributes: Attributes::new(),
        })
    }

    async fn put_opts(&self, _: &ObjectPath, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        refused()
    }

    async fn put_multipart_opts(
        &self,
        _: &ObjectPath,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        refused()
    }

    fn delete_stream(
        &self,
        _: BoxStream<'static, Result<ObjectPath>>,
    ) -> BoxStream<'static, Result<ObjectPath>> {
        stream::once(async { refused() }).boxed()
    }

    fn list(&self, _: Option<&ObjectPath>) -> BoxStream<'static, Result<ObjectMeta>> {
        stream::once(async { refused() }).boxed()
    }

    async fn list_with_delimiter(&self, _: Option<&ObjectPath>) -> Result<ListResult> {
        refused()
    }

    async fn copy_opts(&self, _: &ObjectPath, _: &ObjectPath, _: CopyOptions) -> Result<()> {
        refused()
    }
}
