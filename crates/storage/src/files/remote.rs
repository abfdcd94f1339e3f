//! The object store that holds the segments, if they are not to rest on the local disk: Amazon
//! S3, Google Cloud Storage or Azure Blob Storage.
//!
//! Nothing is read from it that the catalog does not name, and nothing is trusted: what comes
//! back is checked like a file. An object named [`OWNER`] says whose segments these are, so that
//! a node with another catalog does not take them for left-overs.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt as _;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path as ObjectPath;
use object_store::{
    ClientOptions, Error, ObjectStore, ObjectStoreExt as _, RetryConfig, WriteMultipart,
};
use tokio::io::AsyncReadExt as _;

use crate::config::Secret;
use crate::{Result, StorageError};

/// Larger files are sent in parts of this size.
const PART_BYTES: usize = 8 << 20;
/// Parts under way at once.
const PARTS_AT_ONCE: usize = 4;
/// How long a request is tried again before it counts as failed; whoever asked tries later.
const RETRY_TIMEOUT: Duration = Duration::from_secs(30);
const OWNER: &str = "nephoscope-store";

/// A bucket, or a part of one.
#[derive(Clone)]
pub(crate) struct Remote {
    objects: Arc<dyn ObjectStore>,
    prefix: ObjectPath,
    url: String,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

impl Remote {
    /// Returns the object store at `url`. Nothing is asked of it yet.
    ///
    /// # Errors
    /// If the address or an option is not understood.
    pub(crate) fn at(url: &str, options: &BTreeMap<String, Secret>) -> Result<Remote> {
        let wrong = |what: String| StorageError::BadUrl {
            url: url.to_owned(),
            what,
        };
        let (scheme, rest) = url
            .split_once("://")
            .ok_or_else(|| wrong("it has no `://`".to_owned()))?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(wrong("it names no bucket".to_owned()));
        }
        let prefix = ObjectPath::parse(prefix.trim_end_matches('/'));
        let prefix = prefix.map_err(|error| wrong(error.to_string()))?;
        let objects = connect(scheme, bucket, options).map_err(wrong)?;
        Ok(Remote {
            objects,
            prefix,
            url: url.trim_end_matches('/').to_owned(),
        })
    }

    /// Says that the segments here belong to the catalog `owner`.
    ///
    /// # Errors
    /// If they belong to another one, or the object store cannot be reached.
    pub(crate) async fn claim(&self, owner: &str) -> Result<()> {
        let path = self.place(&ObjectPath::from(OWNER));
        let failed = || self.failed("find out whose segments lie in", None);
        let known = match self.objects.get(&path).await {
            Ok(found) => found.bytes().await.map_err(failed())?,
            Err(Error::NotFound { .. }) => {
                let put = self.objects.put(&path, owner.to_owned().into()).await;
                return put.map(drop).map_err(failed());
            }
            Err(error) => return Err(failed()(error)),
        };
        if known == owner.as_bytes() {
            return Ok(());
        }
        Err(StorageError::BadUrl {
            url: self.url.clone(),
            what: format!(
                "it holds the segments of another catalog, {}; choose another place, or the catalog that belongs to it",
                String::from_utf8_lossy(&known)
            ),
        })
    }

    /// Copies the file `from` to `location`; when this returns, it is durable there.
    pub(crate) async fn upload(&self, from: &Path, location: &ObjectPath) -> Result<()> {
        let unreadable = || StorageError::io("read", from);
        let mut file = tokio::fs::File::open(from).await.map_err(unreadable())?;
        let place = self.place(location);
        let failed = || self.failed("write", Some(location));
        let mut part = Vec::with_capacity(PART_BYTES);
        let mut parts = None;
        loop {
            let mut limited = (&mut file).take(PART_BYTES as u64);
            limited.read_to_end(&mut part).await.map_err(unreadable())?;
            let is_last = part.len() < PART_BYTES;
            let bytes = Bytes::from(std::mem::replace(&mut part, Vec::with_capacity(PART_BYTES)));
            let writer = match &mut parts {
                None if is_last => {
                    let put = self.objects.put(&place, bytes.into()).await;
                    return put.map(drop).map_err(failed());
                }
                None => {
                    let upload = self.objects.put_multipart(&place).await;
                    let upload = upload.map_err(failed())?;
                    parts.insert(WriteMultipart::new_with_chunk_size(upload, PART_BYTES))
                }
                Some(writer) => writer,
            };
            writer
                .wait_for_capacity(PARTS_AT_ONCE)
                .await
                .map_err(failed())?;
            writer.put(bytes);
            if is_last {
                break;
            }
        }
        match parts {
            Some(writer) => writer.finish().await.map(drop).map_err(failed()),
            None => Ok(()),
        }
    }

    /// Reads parts of an object.
    pub(super) async fn read(
        &self,
        location: &ObjectPath,
        ranges: &[Range<u64>],
    ) -> Result<Vec<Bytes>> {
        let read = self.objects.get_ranges(&self.place(location), ranges).await;
        read.map_err(self.failed("read", Some(location)))
    }

    /// Copies an object to the file `to`; making it durable is nobody's business.
    pub(crate) async fn download(&self, location: &ObjectPath, to: &Path) -> Result<()> {
        let found = self.objects.get(&self.place(location)).await;
        let found = found.map_err(self.failed("read", Some(location)))?;
        let mut stream = found.into_stream();
        let mut file = tokio::fs::File::create(to)
            .await
            .map_err(StorageError::io("make", to))?;
        loop {
            let next = stream.try_next().await;
            let Some(bytes) = next.map_err(self.failed("read", Some(location)))? else {
                break;
            };
            tokio::io::AsyncWriteExt::write_all(&mut file, &bytes)
                .await
                .map_err(StorageError::io("write", to))?;
        }
        tokio::io::AsyncWriteExt::flush(&mut file)
            .await
            .map_err(StorageError::io("write", to))
    }

    /// Deletes an object; one that is not there is as good.
    pub(crate) async fn delete(&self, location: &ObjectPath) -> Result<()> {
        match self.objects.delete(&self.place(location)).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed("delete", Some(location))(error)),
        }
    }

    /// All objects below `folder`.
    pub(crate) async fn list(&self, folder: &str) -> Result<Vec<ObjectPath>> {
        let below = self.place(&ObjectPath::from(folder));
        let found: Vec<_> = self
            .objects
            .list(Some(&below))
            .try_collect()
            .await
            .map_err(self.failed("list", None))?;
        let relative = |path: &ObjectPath| {
            let parts = path.prefix_match(&self.prefix)?;
            Some(ObjectPath::from_iter(parts))
        };
        Ok(found
            .iter()
            .filter_map(|object| relative(&object.location))
            .collect())
    }

    fn place(&self, location: &ObjectPath) -> ObjectPath {
        ObjectPath::from_iter(self.prefix.parts().chain(location.parts()))
    }

    /// The address of an object, for people.
    pub(crate) fn name(&self, location: &ObjectPath) -> String {
        format!("{}/{location}", self.url)
    }

    fn failed(
        &self,
        action: &'static str,
        location: Option<&ObjectPath>,
    ) -> impl FnOnce(Error) -> StorageError + use<> {
        let name = match location {
            Some(location) => self.name(location),
            None => self.url.clone(),
        };
        move |source| StorageError::Remote {
            action,
            name,
            source: Box::new(source),
        }
    }
}

/// The options as a builder knows them.
fn known<K: FromStr<Err = Error>>(
    options: &BTreeMap<String, Secret>,
) -> Result<Vec<(K, String)>, String> {
    let known = options.iter().map(|(name, value)| {
        let key = K::from_str(name).map_err(|_| format!("it has no option `{name}`"))?;
        Ok((key, value.reveal().to_owned()))
    });
    known.collect()
}

/// A client. What the options do not say comes from where the cloud's own tools look: the
/// environment, and then the machine's or the container's identity.
fn connect(
    scheme: &str,
    bucket: &str,
    options: &BTreeMap<String, Secret>,
) -> Result<Arc<dyn ObjectStore>, String> {
    let retry = RetryConfig {
        retry_timeout: RETRY_TIMEOUT,
        ..RetryConfig::default()
    };
    // An address without TLS is meant, if somebody writes it down.
    let is_plain = |name: &str| {
        options
            .get(name)
            .is_some_and(|url| url.reveal().starts_with("http://"))
    };
    let client = |is_plain: bool| ClientOptions::new().with_allow_http(is_plain);
    let said = |error: Error| error.to_string();
    Ok(match scheme {
        "s3" => {
            let builder = AmazonS3Builder::from_env()
                .with_client_options(client(is_plain("endpoint")))
                .with_bucket_name(bucket)
                .with_retry(retry);
            let builder = known(options)?
                .into_iter()
                .fold(builder, |builder, (key, value)| {
                    builder.with_config(key, value)
                });
            Arc::new(builder.build().map_err(said)?)
        }
        "gs" => {
            let builder = GoogleCloudStorageBuilder::from_env()
                .with_client_options(client(is_plain("base_url")))
                .with_bucket_name(bucket)
                .with_retry(retry);
            let builder = known(options)?
                .into_iter()
                .fold(builder, |builder, (key, value)| {
                    builder.with_config(key, value)
                });
            Arc::new(builder.build().map_err(said)?)
        }
        "az" => {
            let builder = MicrosoftAzureBuilder::from_env()
                .with_client_options(client(is_plain("endpoint")))
                .with_container_name(bucket)
                .with_retry(retry);
            let builder = known(options)?
                .into_iter()
                .fold(builder, |builder, (key, value)| {
                    builder.with_config(key, value)
                });
            Arc::new(builder.build().map_err(said)?)
        }
        #[cfg(test)]
        "memory" => super::testing::bucket(bucket),
        _ => {
            return Err(format!(
                "`{scheme}://` is not known; write s3://bucket, gs://bucket or az://container"
            ));
        }
    })
}
