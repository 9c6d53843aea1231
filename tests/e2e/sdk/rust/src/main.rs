// SPDX-License-Identifier: Apache-2.0

//! usage: podid-sdk-check managed SCOPE [client_id|resource_id|object_id VALUE]
//!
//! Prints one JSON line: {"ok":true,"token":…,"expires":seconds} or {"ok":false,"error":…}.

use std::error::Error;

use azure_core::credentials::{AccessToken, TokenCredential};
use azure_identity::{
    ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId,
};

async fn token(arguments: &[String]) -> Result<AccessToken, Box<dyn Error>> {
    let user_assigned_id = match arguments {
        [kind, _] if kind == "managed" => None,
        [kind, _, selector, value] if kind == "managed" => Some(match selector.as_str() {
            "client_id" => UserAssignedId::ClientId(value.clone()),
            "resource_id" => UserAssignedId::ResourceId(value.clone()),
            "object_id" => UserAssignedId::ObjectId(value.clone()),
            other => return Err(format!("unknown selector {other}").into()),
        }),
        _ => return Err("this SDK has ManagedIdentityCredential only".into()),
    };
    let options = ManagedIdentityCredentialOptions {
        user_assigned_id,
        ..Default::default()
    };
    let credential = ManagedIdentityCredential::new(Some(options))?;
    Ok(credential.get_token(&[arguments[1].as_str()], None).await?)
}

/// The error with what caused it.
fn describe(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let answer = match token(&arguments).await {
        Ok(token) => serde_json::json!({
            "ok": true,
            "token": token.token.secret(),
            "expires": token.expires_on.unix_timestamp(),
        }),
        Err(error) => serde_json::json!({"ok": false, "error": describe(error.as_ref())}),
    };
    println!("{answer}");
}
