// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/wire/protobuf_messages.hpp"

#include <array>
#include <utility>

namespace podid::lab::apiserver {
namespace {

using Kind = ProtoField::Kind;

// metav1.Time and MicroTime, which Kind::time and Kind::micro_time read themselves, have no table.
constexpr ProtoField kOwnerReferenceFields[] = {
    {1, "kind", Kind::text},       {3, "name", Kind::text},          {4, "uid", Kind::text},
    {5, "apiVersion", Kind::text}, {6, "controller", Kind::boolean}, {7, "blockOwnerDeletion", Kind::boolean}};
constexpr ProtoMessage kOwnerReference{kOwnerReferenceFields};

constexpr ProtoField kObjectMetaFields[] = {{1, "name", Kind::text},
                                            {2, "generateName", Kind::text},
                                            {3, "namespace", Kind::text},
                                            {5, "uid", Kind::text},
                                            {6, "resourceVersion", Kind::text},
                                            {7, "generation", Kind::integer},
                                            {8, "creationTimestamp", Kind::time},
                                            {9, "deletionTimestamp", Kind::time},
                                            {10, "deletionGracePeriodSeconds", Kind::integer},
                                            {11, "labels", Kind::text_map},
                                            {12, "annotations", Kind::text_map},
                                            {13, "ownerReferences", Kind::message, &kOwnerReference, true},
                                            {14, "finalizers", Kind::text, nullptr, true}};
constexpr ProtoMessage kObjectMeta{kObjectMetaFields};
constexpr ProtoField kMetadata{1, "metadata", Kind::message, &kObjectMeta};

constexpr ProtoField kNamespaceSpecFields[] = {{1, "finalizers", Kind::text, nullptr, true}};
constexpr ProtoMessage kNamespaceSpec{kNamespaceSpecFields};
constexpr ProtoField kNamespaceStatusFields[] = {{1, "phase", Kind::text}};
constexpr ProtoMessage kNamespaceStatus{kNamespaceStatusFields};
constexpr ProtoField kNamespaceFields[] = {
    kMetadata, {2, "spec", Kind::message, &kNamespaceSpec}, {3, "status", Kind::message, &kNamespaceStatus}};
constexpr ProtoMessage kNamespace{kNamespaceFields};

constexpr ProtoField kConfigMapFields[] = {
    kMetadata, {2, "data", Kind::text_map}, {3, "binaryData", Kind::bytes_map}, {4, "immutable", Kind::boolean}};
constexpr ProtoMessage kConfigMap{kConfigMapFields};

constexpr ProtoField kSecretFields[] = {kMetadata,
                                        {2, "data", Kind::bytes_map},
                                        {3, "type", Kind::text},
                                        {4, "stringData", Kind::text_map},
                                        {5, "immutable", Kind::boolean}};
constexpr ProtoMessage kSecret{kSecretFields};

constexpr ProtoField kObjectReferenceFields[] = {{1, "kind", Kind::text},       {2, "namespace", Kind::text},
                                                 {3, "name", Kind::text},       {4, "uid", Kind::text},
                                                 {5, "apiVersion", Kind::text}, {6, "resourceVersion", Kind::text},
                                                 {7, "fieldPath", Kind::text}};
constexpr ProtoMessage kObjectReference{kObjectReferenceFields};
constexpr ProtoField kLocalReferenceFields[] = {{1, "name", Kind::text}};
constexpr ProtoMessage kLocalReference{kLocalReferenceFields};
constexpr ProtoField kServiceAccountFields[] = {kMetadata,
                                                {2, "secrets", Kind::message, &kObjectReference, true},
                                                {3, "imagePullSecrets", Kind::message, &kLocalReference, true},
                                                {4, "automountServiceAccountToken", Kind::boolean}};
constexpr ProtoMessage kServiceAccount{kServiceAccountFields};

constexpr ProtoField kEventSourceFields[] = {{1, "component", Kind::text}, {2, "host", Kind::text}};
constexpr ProtoMessage kEventSource{kEventSourceFields};
constexpr ProtoField kEventSeriesFields[] = {{1, "count", Kind::integer}, {2, "lastObservedTime", Kind::micro_time}};
constexpr ProtoMessage kEventSeries{kEventSeriesFields};
constexpr ProtoField kEventFields[] = {kMetadata,
                                       {2, "involvedObject", Kind::message, &kObjectReference},
                                       {3, "reason", Kind::text},
                                       {4, "message", Kind::text},
                                       {5, "source", Kind::message, &kEventSource},
                                       {6, "firstTimestamp", Kind::time},
                                       {7, "lastTimestamp", Kind::time},
                                       {8, "count", Kind::integer},
                                       {9, "type", Kind::text},
                                       {10, "eventTime", Kind::micro_time},
                                       {11, "series", Kind::message, &kEventSeries},
                                       {12, "action", Kind::text},
                                       {13, "related", Kind::message, &kObjectReference},
                                       {14, "reportingComponent", Kind::text},
                                       {15, "reportingInstance", Kind::text}};
constexpr ProtoMessage kEvent{kEventFields};

constexpr ProtoField kLeaseSpecFields[] = {
    {1, "holderIdentity", Kind::text},      {2, "leaseDurationSeconds", Kind::integer},
    {3, "acquireTime", Kind::micro_time},   {4, "renewTime", Kind::micro_time},
    {5, "leaseTransitions", Kind::integer}, {6, "strategy", Kind::text},
    {7, "preferredHolder", Kind::text}};
constexpr ProtoMessage kLeaseSpec{kLeaseSpecFields};
constexpr ProtoField kLeaseFields[] = {kMetadata, {2, "spec", Kind::message, &kLeaseSpec}};
constexpr ProtoMessage kLease{kLeaseFields};

constexpr ProtoField kResourceAttributesFields[] = {
    {1, "namespace", Kind::text}, {2, "verb", Kind::text},        {3, "group", Kind::text}, {4, "version", Kind::text},
    {5, "resource", Kind::text},  {6, "subresource", Kind::text}, {7, "name", Kind::text}};
constexpr ProtoMessage kResourceAttributes{kResourceAttributesFields};
constexpr ProtoField kPathAttributesFields[] = {{1, "path", Kind::text}, {2, "verb", Kind::text}};
constexpr ProtoMessage kPathAttributes{kPathAttributesFields};
constexpr ProtoField kAccessReviewSpecFields[] = {{1, "resourceAttributes", Kind::message, &kResourceAttributes},
                                                  {2, "nonResourceAttributes", Kind::message, &kPathAttributes}};
constexpr ProtoMessage kAccessReviewSpec{kAccessReviewSpecFields};
constexpr ProtoField kAccessReviewFields[] = {kMetadata, {2, "spec", Kind::message, &kAccessReviewSpec}};
constexpr ProtoMessage kAccessReview{kAccessReviewFields};
constexpr ProtoField kSubjectReviewFields[] = {kMetadata};
constexpr ProtoMessage kSubjectReview{kSubjectReviewFields};

constexpr ProtoField kPreconditionsFields[] = {{1, "uid", Kind::text}, {2, "resourceVersion", Kind::text}};
constexpr ProtoMessage kPreconditions{kPreconditionsFields};
constexpr ProtoField kDeleteOptionsFields[] = {{1, "gracePeriodSeconds", Kind::integer},
                                               {2, "preconditions", Kind::message, &kPreconditions},
                                               {4, "propagationPolicy", Kind::text},
                                               {5, "dryRun", Kind::text, nullptr, true}};
constexpr ProtoMessage kDeleteOptions{kDeleteOptionsFields};
constexpr ProtoField kEvictionFields[] = {kMetadata, {2, "deleteOptions", Kind::message, &kDeleteOptions}};
constexpr ProtoMessage kEviction{kEvictionFields};

}  // namespace

const ProtoMessage* proto_message_of(std::string_view kind) {
  static constexpr std::array<std::pair<std::string_view, const ProtoMessage*>, 10> kMessages = {
      {{"ConfigMap", &kConfigMap},
       {"DeleteOptions", &kDeleteOptions},
       {"Event", &kEvent},
       {"Eviction", &kEviction},
       {"Lease", &kLease},
       {"Namespace", &kNamespace},
       {"Secret", &kSecret},
       {"SelfSubjectAccessReview", &kAccessReview},
       {"SelfSubjectReview", &kSubjectReview},
       {"ServiceAccount", &kServiceAccount}}};
  for (const auto& [name, message] : kMessages) {
    if (name == kind) return message;
  }
  return nullptr;
}

}  // namespace podid::lab::apiserver
