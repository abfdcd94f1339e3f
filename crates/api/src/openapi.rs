//! `/api/openapi.json`: the description of the API, made from the routes.

use axum::routing::get;
use axum::{Json, Router};
use utoipa::OpenApi;

use crate::routes::alerting::{alerts, channels, monitors, mutes};
use crate::routes::{
    Shared, dashboards, dashboards_v2, erase, export, facets, fields, health, language,
    lookup_tables, metrics_queries, metrics_results, queries, search_jobs, sources, status, stream,
    tables,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Nephoscope",
        description = "Logs and metrics of serverless functions: search, monitors and status."
    ),
    paths(
        alerts::list,
        alerts::read,
        alerts::chart,
        alerts::acknowledge,
        channels::list,
        channels::test,
        channels::notifications,
        monitors::create,
        monitors::list,
        monitors::root,
        monitors::search,
        monitors::usage,
        monitors::read,
        monitors::update,
        monitors::delete,
        monitors::delete_many,
        monitors::disable,
        monitors::path,
        monitors::export,
        monitors::import,
        monitors::replay,
        mutes::list,
        mutes::create,
        mutes::preview,
        mutes::end,
        search_jobs::create,
        search_jobs::status,
        search_jobs::messages,
        search_jobs::records,
        search_jobs::cancel,
        sources::list,
        sources::create,
        sources::read,
        sources::replace,
        sources::remove,
        sources::pause,
        sources::resume,
        sources::test,
        sources::collectors,
        stream::follow,
        dashboards::list,
        dashboards::show,
        dashboards::save,
        dashboards::remove,
        dashboards::import,
        dashboards::queries,
        dashboards_v2::list,
        dashboards_v2::show,
        export::export,
        facets::facets,
        language::language,
        metrics_queries::run,
        metrics_results::run,
        queries::check,
        queries::explain,
        queries::sql,
        lookup_tables::list,
        lookup_tables::create,
        lookup_tables::describe,
        lookup_tables::update,
        lookup_tables::remove,
        lookup_tables::download,
        lookup_tables::upload,
        lookup_tables::truncate,
        lookup_tables::put_row,
        lookup_tables::delete_row,
        lookup_tables::job,
        erase::erase,
        fields::fields,
        tables::tables,
        status::status,
        status::metrics,
        health::live,
        health::ready,
    ),
    components(schemas(
        dashboards::Chosen,
        dashboards::DashboardBody,
        alerts::AcknowledgeBody,
        facets::Facets,
        metrics_queries::MetricsQueries,
        metrics_results::MetricsResults,
        monitors::MonitorBody,
        monitors::ReplayBody,
        mutes::MuteBody,
        lookup_tables::Field,
        lookup_tables::Declaration,
        lookup_tables::Update,
        lookup_tables::Cell,
        lookup_tables::RowUpdate,
        lookup_tables::RowDelete,
        search_jobs::Job,
        queries::Check,
        erase::Erase,
        erase::ErasedEvents,
        status::Status
    ))
)]
struct Description;

pub(crate) fn router() -> Router<Shared> {
    Router::new().route("/api/openapi.json", get(describe))
}

async fn describe() -> Json<utoipa::openapi::OpenApi> {
    Json(Description::openapi())
}
