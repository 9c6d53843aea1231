// SPDX-License-Identifier: Apache-2.0

// Usage: sdk-check managed|default SCOPE [client_id|resource_id|object_id VALUE]
//
// Prints one JSON line: {"ok":true,"token":…,"expires":seconds} or {"ok":false,"error":…}.
package main

import (
	"context"
	"encoding/json"
	"os"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

type result struct {
	OK      bool   `json:"ok"`
	Token   string `json:"token,omitempty"`
	Expires int64  `json:"expires,omitempty"`
	Error   string `json:"error,omitempty"`
}

func credential(kind string, rest []string) (azcore.TokenCredential, error) {
	if kind == "default" {
		return azidentity.NewDefaultAzureCredential(nil)
	}
	options := &azidentity.ManagedIdentityCredentialOptions{}
	if len(rest) == 2 {
		switch rest[0] {
		case "client_id":
			options.ID = azidentity.ClientID(rest[1])
		case "resource_id":
			options.ID = azidentity.ResourceID(rest[1])
		case "object_id":
			options.ID = azidentity.ObjectID(rest[1])
		}
	}
	return azidentity.NewManagedIdentityCredential(options)
}

func get(arguments []string) result {
	cred, err := credential(arguments[0], arguments[2:])
	if err != nil {
		return result{Error: err.Error()}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 110*time.Second)
	defer cancel()
	token, err := cred.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{arguments[1]}})
	if err != nil {
		return result{Error: err.Error()}
	}
	return result{OK: true, Token: token.Token, Expires: token.ExpiresOn.Unix()}
}

func main() {
	_ = json.NewEncoder(os.Stdout).Encode(get(os.Args[1:]))
}
