//! The same over gRPC (<https://opentelemetry.io/docs/specs/otlp/#otlpgrpc>), on the port where
//! everything else is answered: HTTP/2, with TLS in front of it or without.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::post;
use bytes::{Buf, Bytes};
use futures::future::BoxFuture;
use prost::Message;
use tonic::Code;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::{Grpc, UnaryService};

use super::{
    ExportAnswer, IDEMPOTENCY_HEADER, Partial, Receiver, Receivers, Signal, decode, no_traces,
};
use crate::otlp::request::{Encoding, LIMIT};
use crate::support::receive::{Refused, bearer, beside_the_network, is_large};

/// The procedures (<https://github.com/open-telemetry/opentelemetry-proto>).
const PROCEDURES: [(&str, Signal); 3] = [
    (
        "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        Signal::Logs,
    ),
    (
        "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        Signal::Metrics,
    ),
    (
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        Signal::Traces,
    ),
];

/// What `google.protobuf.Any` calls the detail that says when to try again.
const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";

pub(super) fn router(receivers: &Arc<Receivers>) -> Router {
    PROCEDURES
        .iter()
        .fold(Router::new(), |router, (path, signal)| {
            let receivers = Arc::clone(receivers);
            let answer = async move |request: Request| answer(&receivers, *signal, request).await;
            router.route(path, post(answer))
        })
}

async fn answer(receivers: &Receivers, signal: Signal, request: Request) -> Response {
    let token = bearer(request.headers()).unwrap_or_default();
    let Some(receiver) = receivers.0.find(&token) else {
        let problem = "unknown token; send the metadata `authorization: Bearer <token>` with the \
                       token of a configured `otlp` source";
        let refused = Refused::new(StatusCode::UNAUTHORIZED, problem);
        return status(&refused).into_http::<Body>();
    };
    let export = Export { receiver, signal };
    let mut procedure = Grpc::new(ExportCodec)
        .accept_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(LIMIT.bytes);
    procedure.unary(export, request).await.map(Body::new)
}

/// A call of one of the procedures.
struct Export {
    receiver: Arc<Receiver>,
    signal: Signal,
}

impl UnaryService<Bytes> for Export {
    type Response = ExportAnswer;
    type Future = BoxFuture<'static, Result<tonic::Response<ExportAnswer>, tonic::Status>>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        let (receiver, signal) = (Arc::clone(&self.receiver), self.signal);
        Box::pin(async move {
            let key = request.metadata().get(IDEMPOTENCY_HEADER);
            let key = key.and_then(|key| key.to_str().ok()).map(str::to_owned);
            let taken = receive(&receiver, signal, request.into_inner(), key).await;
            let answer = receiver.noted(taken).await;
            answer
                .map(tonic::Response::new)
                .map_err(|refused| status(&refused))
        })
    }
}

/// Stores what a message holds, and returns what was left out.
async fn receive(
    receiver: &Receiver,
    signal: Signal,
    message: Bytes,
    key: Option<String>,
) -> Result<Option<Partial>, Refused> {
    if signal == Signal::Traces {
        return Err(no_traces());
    }
    let template = Arc::clone(&receiver.template);
    let is_large = is_large(&message);
    let work = move || {
        decode(&template, Encoding::Protobuf, signal, message.clone())
            .map_err(|refused| refused.because_of(&message))
    };
    let (batch, partial) = beside_the_network(is_large, work).await?;
    receiver.inbox.store(batch, key).await?;
    Ok(partial)
}

/// What a refusal is in gRPC. Exporters try `Unavailable` again, after the time that the details
/// say, and `InvalidArgument` never.
fn status(refused: &Refused) -> tonic::Status {
    let code = match refused.status {
        StatusCode::UNAUTHORIZED => Code::Unauthenticated,
        StatusCode::NOT_IMPLEMENTED => Code::Unimplemented,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Code::Unavailable,
        StatusCode::INTERNAL_SERVER_ERROR => Code::Internal,
        _ => Code::InvalidArgument,
    };
    let Some(seconds) = refused.retry_after else {
        return tonic::Status::new(code, &refused.problem);
    };
    let retry_info = RetryInfo {
        delay: Some(Duration {
            seconds: i64::try_from(seconds).unwrap_or(i64::MAX),
        }),
    };
    let details = Detailed {
        code: code.into(),
        message: refused.problem.clone(),
        details: vec![Any {
            type_url: RETRY_INFO.to_owned(),
            value: retry_info.encode_to_vec(),
        }],
    };
    tonic::Status::with_details(code, &refused.problem, details.encode_to_vec().into())
}

/// `google.rpc.Status`, as gRPC's details have it.
#[derive(Clone, PartialEq, Message)]
struct Detailed {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    delay: Option<Duration>,
}

/// `google.protobuf.Duration`, in whole seconds.
#[derive(Clone, PartialEq, Message)]
struct Duration {
    #[prost(int64, tag = "1")]
    seconds: i64,
}

/// Takes messages as they are, to be read part by part under limits, and writes answers.
struct ExportCodec;

impl Codec for ExportCodec {
    type Encode = ExportAnswer;
    type Decode = Bytes;
    type Encoder = AnswerEncoder;
    type Decoder = WholeMessage;

    fn encoder(&mut self) -> AnswerEncoder {
        AnswerEncoder
    }

    fn decoder(&mut self) -> WholeMessage {
        WholeMessage
    }
}

struct AnswerEncoder;

impl Encoder for AnswerEncoder {
    type Item = ExportAnswer;
    type Error = tonic::Status;

    fn encode(
        &mut self,
        answer: ExportAnswer,
        buffer: &mut EncodeBuf<'_>,
    ) -> Result<(), tonic::Status> {
        answer
            .encode(buffer)
            .map_err(|error| tonic::Status::internal(error.to_string()))
    }
}

struct WholeMessage;

impl Decoder for WholeMessage {
    type Item = Bytes;
    type Error = tonic::Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, tonic::Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}
