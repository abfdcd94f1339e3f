//! What the network sees: routes, auth, errors, OpenAPI.
