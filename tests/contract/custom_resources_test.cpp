// SPDX-License-Identifier: Apache-2.0
// Custom resources: schemas, pruning, defaults, columns, the status subresource.
#include <fmt/format.h>

#include "contract/contract_fixture.hpp"

namespace podid::test {
namespace {

using base::ErrorKind;
using kube::kCustomResourceDefinitions;
using kube::PatchType;

// A definition of its own for each test, so that tests can run beside each other on one server.
class CustomResourcesContract : public Contract {
 protected:
  ~CustomResourcesContract() override {
    if (!defined_) return;
    const auto removed =
        run_task(io_, client().remove(kCustomResourceDefinitions, {"", definition_name()}, {}, soon()));
    EXPECT_TRUE(removed.has_value()) << "cannot remove " << definition_name();
  }

  ResourceType type() const { return {group_, "v1", "widgets", "Widget"}; }
  std::string definition_name() const { return "widgets." + group_; }

  // `version` are members of the version beside name, served and storage.
  void define(json::object version) {
    group_ = ns() + ".podid.example";
    version["name"] = "v1";
    version["served"] = true;
    version["storage"] = true;
    const json::object names{
        {"plural", "widgets"}, {"singular", "widget"}, {"kind", "Widget"}, {"listKind", "WidgetList"}};
    json::object spec{{"group", group_}, {"scope", "Namespaced"}, {"names", names}, {"versions", json::array{version}}};
    ok(client().create(kCustomResourceDefinitions,
                       json::object{{"metadata", {{"name", definition_name()}}}, {"spec", std::move(spec)}}, soon()));
    defined_ = true;
    EXPECT_TRUE(until([&] { return is_served(); })) << "the definition is not established";
  }
  void define_schema(std::string_view properties, json::object version = {}) {
    const std::string schema = fmt::format(
        R"({{"openAPIV3Schema":{{"type":"object","properties":{{"apiVersion":{{"type":"string"}},"kind":{{"type":"string"}},)"
        R"("metadata":{{"type":"object"}},{}}}}}}})",
        properties);
    version["schema"] = json::parse(schema);
    define(std::move(version));
  }
  json::object widget(std::string_view name, std::string_view spec) const {
    return object(name, {{"spec", json::parse(spec)}});
  }

 private:
  bool is_served() {
    const json::value definition = ok(client().get(kCustomResourceDefinitions, {"", definition_name()}, soon()));
    const json::value* conditions = base::find_path(definition, {"status", "conditions"});
    if (conditions == nullptr || !conditions->is_array()) return false;
    const bool established = std::ranges::any_of(conditions->as_array(), [](const json::value& condition) {
      return text_at(condition, {"type"}) == "Established" && text_at(condition, {"status"}) == "True";
    });
    return established && run_task(io_, client().list(type(), {.ns = ns()}, soon())).has_value();
  }

  std::string group_;
  bool defined_ = false;
};

TEST_F(CustomResourcesContract, UnknownFieldsArePrunedAndDefaultsFilledIn) {
  define_schema(
      R"("spec":{"type":"object","properties":{"size":{"type":"integer"},"color":{"type":"string","default":"red"},
                   "free":{"type":"object","x-kubernetes-preserve-unknown-fields":true},"metadata":{"type":"object"}}})");
  const json::value made =
      create(type(), widget("a", R"({"size":1,"unknown":5,"free":{"any":[1]},"metadata":{"creationTimestamp":null}})"));
  EXPECT_EQ(made.at("spec"), json::parse(R"({"size":1,"color":"red","free":{"any":[1]},"metadata":{}})"));
  EXPECT_EQ(text_at(made, {"apiVersion"}), type().api_version());
  EXPECT_EQ(made.at("metadata").at("generation"), 1);
  const json::value changed = patch(type(), "a", PatchType::merge, json::object{{"spec", {{"size", 2}}}});
  EXPECT_EQ(changed.at("metadata").at("generation"), 2);
}

TEST_F(CustomResourcesContract, WrongTypesAreRefused) {
  define_schema(R"("spec":{"type":"object","required":["size"],"properties":{"size":{"type":"integer"},
                   "list":{"type":"array","nullable":true,"items":{"type":"string"}}}})");
  const base::Error error = refused(client().create(type(), widget("a", R"({"size":"1"})"), soon()));
  EXPECT_EQ(error.kind, ErrorKind::invalid);
  EXPECT_TRUE(error.message.contains("spec.size: Invalid value: \"string\"")) << error.message;
  EXPECT_EQ(refused(client().create(type(), widget("a", "{}"), soon())).http_status, 422);
  const json::value made = create(type(), widget("a", R"({"size":1,"list":null})"));
  EXPECT_EQ(text_at(made, {"metadata", "name"}), "a");
}

TEST_F(CustomResourcesContract, EmbeddedResourcesKeepTheirMetadata) {
  define_schema(R"("spec":{"type":"object","properties":{"ref":{"type":"object","x-kubernetes-embedded-resource":true,
                   "properties":{"spec":{"type":"object","properties":{"a":{"type":"string"}}}}}}})");
  const json::value made = create(type(), widget("a", R"({"ref":{"apiVersion":"v1","kind":"K","metadata":{"name":"n",
      "namespace":"s","labels":{"l":"x"}},"spec":{"a":"b","unknown":1},"unknown":2}})"));
  EXPECT_EQ(made.at("spec").at("ref"),
            json::parse(R"({"apiVersion":"v1","kind":"K","metadata":{"name":"n","namespace":"s",
      "labels":{"l":"x"}},"spec":{"a":"b"}})"));
}

TEST_F(CustomResourcesContract, StatusIsOrdinaryWithoutItsSubresource) {
  define_schema(R"("spec":{"type":"object"},"status":{"type":"object","properties":{"status":{"type":"string"}}})");
  create(type(), widget("a", "{}"));
  const json::value patched = patch(type(), "a", PatchType::merge, json::object{{"status", {{"status", "Assigned"}}}});
  EXPECT_EQ(text_at(patched, {"status", "status"}), "Assigned");
  patch(type(), "a", PatchType::json,
        json::parse(R"([{"op":"replace","path":"/status/status","value":"Unassigned"}])"));
  EXPECT_EQ(text_at(get(type(), "a"), {"status", "status"}), "Unassigned");
  kube::Patch through_subresource;
  through_subresource.body = json::object{{"status", {{"status", "x"}}}};
  through_subresource.subresource = "status";
  EXPECT_EQ(refused(client().patch(type(), key("a"), through_subresource, soon())).kind, ErrorKind::not_found);
}

TEST_F(CustomResourcesContract, StatusSubresourceSeparatesTheTwo) {
  define_schema(R"("spec":{"type":"object","properties":{"a":{"type":"string"}}},
                   "status":{"type":"object","properties":{"status":{"type":"string"}}})",
                {{"subresources", {{"status", json::object()}}}});
  create(type(), widget("a", R"({"a":"1"})"));
  patch(type(), "a", PatchType::merge, json::object{{"spec", {{"a", "2"}}}, {"status", {{"status", "ignored"}}}});
  patch(type(), "a", PatchType::merge, json::object{{"spec", {{"a", "ignored"}}}, {"status", {{"status", "set"}}}},
        "status");
  const json::value stored = get(type(), "a");
  EXPECT_EQ(text_at(stored, {"spec", "a"}), "2");
  EXPECT_EQ(text_at(stored, {"status", "status"}), "set");
}

TEST_F(CustomResourcesContract, StrategicPatchIsNotForThem) {
  define_schema(R"("spec":{"type":"object"})");
  create(type(), widget("a", "{}"));
  kube::Patch strategic;
  strategic.type = PatchType::strategic;
  strategic.body = json::object{{"spec", json::object()}};
  EXPECT_EQ(refused(client().patch(type(), key("a"), strategic, soon())).http_status, 415);
}

TEST_F(CustomResourcesContract, ShowTheColumnsOfTheirDefinition) {
  define_schema(R"("spec":{"type":"object","properties":{"type":{"type":"integer"},"clientID":{"type":"string"}}})",
                {{"additionalPrinterColumns", json::parse(R"([{"name":"Type","type":"string","jsonPath":".spec.type"},
                                  {"name":"ClientID","type":"string","jsonPath":".spec.clientID"},
                                  {"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}])")}});
  create(type(), widget("a", R"({"type":1,"clientID":"c"})"));
  create(type(), widget("b", "{}"));
  const json::value table = get_path(type().collection_path(ns()), "application/json;as=Table;v=v1;g=meta.k8s.io");
  std::vector<std::string> columns;
  for (const json::value& column : table.at("columnDefinitions").as_array())
    columns.emplace_back(text_at(column, {"name"}));
  EXPECT_THAT(columns, ::testing::ElementsAre("Name", "Type", "ClientID", "Age"));
  const json::value& cells = table.at("rows").at(0).at("cells");
  EXPECT_EQ(cells.at(0), "a");
  EXPECT_EQ(cells.at(1), "1");
  EXPECT_EQ(cells.at(2), "c");
}

TEST_F(CustomResourcesContract, AreWatchedAndSelected) {
  define_schema(R"("spec":{"type":"object"})");
  const std::string version = list_version(type());
  EventStream stream = watch(type(), version, {.label_selector = "nodename=node-a"});
  json::object labelled = widget("a", "{}");
  labelled["metadata"].as_object()["labels"] = json::object{{"nodename", "node-a"}};
  create(type(), widget("other", "{}"));
  create(type(), labelled);
  EXPECT_EQ(next(stream), "ADDED a");
  EXPECT_THAT(names(type(), {.label_selector = "nodename=node-a"}), ::testing::ElementsAre("a"));
  EXPECT_THAT(names(type(), {.field_selector = "metadata.name=other"}), ::testing::ElementsAre("other"));
}

// On a type of its own: what a server remembers of a collection begins, at the latest, when the type is defined.
TEST_F(CustomResourcesContract, ForgottenVersionIsGone) {
  define_schema(R"("spec":{"type":"object"})");
  const std::string version = forgotten_version();
  auto opened = run_task(io_, client().watch(type(), {.ns = ns(), .resource_version = version}, soon()));
  base::Error error;
  if (opened) {
    EventStream stream(std::move(*opened));
    error = refused(stream.next());
  } else {
    error = opened.error();  // either way is allowed
  }
  EXPECT_EQ(error.kind, ErrorKind::gone) << error.message;
  EXPECT_EQ(error.http_status, 410);
}

TEST_F(CustomResourcesContract, DefinitionsAreDiscovered) {
  define_schema(R"("spec":{"type":"object"})");
  const json::value resources = get_path("/apis/" + std::string(type().group) + "/v1");
  EXPECT_EQ(text_at(resources.at("resources").at(0), {"name"}), "widgets");
  EXPECT_EQ(text_at(resources.at("resources").at(0), {"kind"}), "Widget");
}

}  // namespace
}  // namespace podid::test
