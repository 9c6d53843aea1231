// SPDX-License-Identifier: Apache-2.0

import com.azure.core.credential.AccessToken;
import com.azure.core.credential.TokenCredential;
import com.azure.core.credential.TokenRequestContext;
import com.azure.identity.DefaultAzureCredentialBuilder;
import com.azure.identity.ManagedIdentityCredentialBuilder;
import com.azure.json.JsonProviders;
import com.azure.json.JsonWriter;
import java.io.IOException;

/**
 * usage: TokenClient managed|default SCOPE [client_id|resource_id|object_id VALUE]
 *
 * <p>Prints one JSON line: {"ok":true,"token":…,"expires":seconds} or {"ok":false,"error":…}.
 */
public final class TokenClient {
  private TokenClient() {}

  private static TokenCredential managed(String selector, String value) {
    ManagedIdentityCredentialBuilder builder = new ManagedIdentityCredentialBuilder();
    return switch (selector) {
      case "" -> builder.build();
      case "client_id" -> builder.clientId(value).build();
      case "resource_id" -> builder.resourceId(value).build();
      case "object_id" -> builder.objectId(value).build();
      default -> throw new IllegalArgumentException("unknown selector " + selector);
    };
  }

  private static TokenCredential standard(String selector, String value) {
    DefaultAzureCredentialBuilder builder = new DefaultAzureCredentialBuilder();
    return switch (selector) {
      case "" -> builder.build();
      case "client_id" -> builder.managedIdentityClientId(value).build();
      case "resource_id" -> builder.managedIdentityResourceId(value).build();
      default -> throw new IllegalArgumentException("DefaultAzureCredential has no selector " + selector);
    };
  }

  /** The error with what caused it, as a stack trace names them. */
  private static String describe(Throwable error) {
    StringBuilder text = new StringBuilder(String.valueOf(error.getMessage()));
    for (Throwable cause = error.getCause(); cause != null; cause = cause.getCause()) {
      text.append(": ").append(cause.getMessage());
    }
    return text.toString();
  }

  public static void main(String[] arguments) throws IOException {
    String selector = arguments.length > 3 ? arguments[2] : "";
    String value = arguments.length > 3 ? arguments[3] : "";
    try (JsonWriter json = JsonProviders.createWriter(System.out)) {
      json.writeStartObject();
      try {
        TokenCredential credential = arguments[0].equals("managed") ? managed(selector, value) : standard(selector, value);
        AccessToken token = credential.getTokenSync(new TokenRequestContext().addScopes(arguments[1]));
        json.writeBooleanField("ok", true);
        json.writeStringField("token", token.getToken());
        json.writeLongField("expires", token.getExpiresAt().toEpochSecond());
      } catch (RuntimeException error) { // whatever the SDK throws is what its user sees
        json.writeBooleanField("ok", false);
        json.writeStringField("error", describe(error));
      }
      json.writeEndObject();
    }
    System.out.println();
  }
}
