// Who may include whom, and other rules of the house that a compiler does not know.
#include "tests/house/source_tree.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

using house::source_file;

namespace {

using names = std::set<std::string>;

// The part of the house that a file belongs to; empty for a file that has no place yet.
std::string part_of(const std::string& path) {
    static const std::map<std::string, names> public_headers = {
        {"ids", {"ids", "error", "version", "notice", "pressure"}},
        {"frame", {"topic", "frame", "filter", "headers", "header_filter", "event", "owned_event", "codec", "delivery", "newest_events", "newest_topics", "shed_event", "from", "published"}},
        // Creating a bus looks into its log for the first seq; nothing else of the ring's side does.
        {"bus", {"bus", "bus_options", "anchor", "detail/open_bus"}},
        {"walk", {"read_options", "reader_pressure", "ring_newest", "ring_walk"}},
        // The log's walk knows no shared memory either, but shares its options with the ring's.
        {"log_walk", {"log_walk"}},
        {"publisher", {"publisher", "slot_writer"}},
        {"subscriber", {"subscriber"}},
        {"consumer", {"cursor", "consumer", "consume_status", "consumer_start", "consumer_walk", "newest_start"}},
        {"worker", {"worker", "worker_options", "outcome", "event_batch"}},
        {"all", {"evbus"}},
    };
    const std::string prefix = "include/evbus/";
    if (!path.starts_with(prefix)) return path.substr(0, path.find('/'));
    const std::string rest = path.substr(prefix.size());
    for (const auto& [part, headers] : public_headers)
        if (headers.count(rest.substr(0, rest.rfind('.'))) == 1) return part;
    const std::size_t slash = rest.find('/');
    return slash == std::string::npos ? std::string{} : rest.substr(0, slash);
}

// What each part may include, itself besides. A part that is not named here has no place.
const names everything_public = {"ids",       "frame",      "ring",     "bus",    "log", "walk", "log_walk",
                                 "publisher", "subscriber", "consumer", "letters", "work", "worker", "all"};

names with(names base, const names& more) {
    base.insert(more.begin(), more.end());
    return base;
}

const std::map<std::string, names> may_include = {
    {"ids", {}},
    {"detail", {"ids", "frame"}},
    {"frame", {"ids", "detail"}},
    {"ring", {"ids", "detail", "frame"}},
    {"log", {"ids", "detail", "frame"}},
    {"letters", {"ids", "detail", "frame", "log"}},
    {"bus", {"ids", "detail", "frame", "ring", "log"}},
    {"walk", {"ids", "detail", "frame", "ring", "bus"}},
    {"log_walk", {"ids", "detail", "frame", "log", "walk"}},
    {"publisher", {"ids", "detail", "frame", "ring", "bus"}},
    {"subscriber", {"ids", "detail", "frame", "ring", "bus", "walk"}},
    {"consumer", {"ids", "detail", "frame", "ring", "bus", "walk", "log", "log_walk"}},
    // The worker's rules: arithmetic, without files, clocks or threads.
    {"work", {"ids"}},
    {"worker", {"ids", "detail", "frame", "ring", "bus", "walk", "log", "log_walk", "consumer", "letters", "work"}},
    {"all", everything_public},
    {"lib", with(everything_public, {"detail"})}, // compiled and released together with the headers
    {"docs", {"all"}},
    {"tools", with(everything_public, {"lib"})},
    {"bench", with(everything_public, {"lib", "detail"})},
    {"tests", with(everything_public, {"lib", "tools", "detail"})},
};

// The nearest meson.build upwards must name the file by its path from there.
bool is_built(const std::string& path) {
    for (std::size_t slash = path.rfind('/'); slash != std::string::npos; slash = path.rfind('/', slash - 1)) {
        const std::string build = house::read_text(path.substr(0, slash) + "/meson.build");
        if (build.find("'" + path.substr(slash + 1) + "'") != std::string::npos) return true;
        if (slash == 0) break;
    }
    return false;
}

const std::vector<source_file>& sources() {
    static const std::vector<source_file> all = house::read_sources();
    return all;
}

} // namespace

TEST_CASE("house: the tree is read") {
    CHECK(sources().size() > 10);
    const auto topic = std::find_if(sources().begin(), sources().end(),
                                    [](const auto& f) { return f.path == "include/evbus/topic.hpp"; });
    REQUIRE(topic != sources().end());
    CHECK(std::count(topic->includes.begin(), topic->includes.end(), "include/evbus/error.hpp") == 1);
}

TEST_CASE("house: every file has its place") {
    for (const source_file& file : sources())
        CHECK_MESSAGE(may_include.count(part_of(file.path)) == 1, file.path,
                      " is in no part that the dependency table of this test knows");
}

TEST_CASE("house: dependencies point one way") {
    for (const source_file& file : sources()) {
        const std::string from = part_of(file.path);
        const auto allowed = may_include.find(from);
        if (allowed == may_include.end()) continue;
        for (const std::string& target : file.includes) {
            const std::string to = part_of(target);
            CHECK_MESSAGE((to == from || allowed->second.count(to) == 1), file.path, " (", from, ") includes ", target,
                          " (", to, ")");
        }
    }
}

TEST_CASE("house: headers of ring and log know nothing of each other, even in passing") {
    std::map<std::string, const source_file*> by_path;
    for (const source_file& file : sources()) by_path[file.path] = &file;
    for (const source_file& file : sources()) {
        const std::string from = part_of(file.path);
        if (from != "log" && from != "ring") continue;
        names seen{file.path};
        std::vector<const source_file*> open{&file};
        while (!open.empty()) {
            const source_file* next = open.back();
            open.pop_back();
            for (const std::string& target : next->includes)
                if (seen.insert(target).second && by_path.count(target)) open.push_back(by_path[target]);
        }
        for (const std::string& path : seen)
            CHECK_MESSAGE(part_of(path) != (from == "log" ? "ring" : "log"), file.path, " reaches ", path);
    }
}

TEST_CASE("house: the log touches no shared memory, and only its file seam touches the file system") {
    for (const source_file& file : sources()) {
        if (!file.path.starts_with("include/evbus/log/")) continue;
        CHECK_MESSAGE(file.text.find("boost/interprocess") == std::string::npos, file.path);
        CHECK_MESSAGE(file.text.find("<sys/mman.h>") == std::string::npos, file.path);
    }
}

TEST_CASE("house: every source below lib, tools, tests and bench is built") {
    for (const source_file& file : sources())
        if (file.ends_with(".cpp")) CHECK_MESSAGE(is_built(file.path), file.path, " is named in no meson.build");
}

TEST_CASE("house: files are short") {
    for (const source_file& file : sources())
        CHECK_MESSAGE(house::lines_of(file.text).size() <= 350, file.path, " is longer than 350 lines: split it");
}

TEST_CASE("house: every header is included once") {
    for (const source_file& file : sources())
        if (file.ends_with(".hpp"))
            CHECK_MESSAGE(("\n" + file.text).find("\n#pragma once\n") != std::string::npos, file.path,
                          " lacks #pragma once");
}

TEST_CASE("house: nothing is left undone in a comment") {
    for (const source_file& file : sources())
        for (const std::string& mark : {std::string("TO") + "DO", std::string("FIX") + "ME"}) // not to find itself
            CHECK_MESSAGE(file.text.find(mark) == std::string::npos, file.path, " holds a ", mark);
}

// A pair stands in the code as a comment "SYNC name" and in the document as a heading or the first
// cell of a table row: "## name", "| `name` | ...".
TEST_CASE("house: every named ordering pair is in docs/ordering.md, and none that is not in the code") {
    names in_code;
    for (const source_file& file : sources())
        if (file.path.starts_with("include/") || file.path.starts_with("lib/"))
            for (const std::string& name : house::words_after(file.text, "// SYNC ")) in_code.insert(name);

    const std::string document = house::read_text("docs/ordering.md");
    if (document.empty()) {
        MESSAGE("docs/ordering.md is not there yet: ", in_code.size(), " pairs not compared");
        return;
    }
    names in_document;
    for (std::string line : house::lines_of(document)) {
        if (line.empty() || (line[0] != '#' && line[0] != '|')) continue;
        line = line.substr(std::min(line.size(), line.find_first_not_of("#| `")));
        const std::string name = line.substr(0, line.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-"));
        const std::string after = line.substr(name.size());
        const bool alone =
            after.find_first_not_of("` ") == std::string::npos || after.find('|') == after.find_first_not_of("` ");
        if (alone && name.find('-') != std::string::npos && name.find_first_not_of('-') != std::string::npos)
            in_document.insert(name);
    }
    for (const std::string& name : in_code)
        CHECK_MESSAGE(in_document.count(name) == 1, "SYNC ", name, " is not in docs/ordering.md");
    for (const std::string& name : in_document)
        CHECK_MESSAGE(in_code.count(name) == 1, "docs/ordering.md names ", name, ", which is in no header");
}
