// docs/log-format.md against the structs and against what the library writes.
#include "tests/log/log_fixture.hpp"

#include <evbus/letters/letter_note.hpp>

#include <map>
#include <set>
#include <sstream>

using namespace log_test;

namespace {

struct field {
    std::size_t offset;
    std::size_t size;
    friend bool operator==(const field&, const field&) = default;
};
struct layout {
    std::size_t size = 0;
    std::map<std::string, field> fields;
};

#define FIELD(type, name) {#name, {offsetof(log::type, name), sizeof(log::type::name)}}
#define NOTE(name) {#name, {offsetof(letters::letter_note, name), sizeof(letters::letter_note::name)}}

std::map<std::string, layout> structs() {
    return {
        {"segment_header",
         {sizeof(log::segment_header),
          {FIELD(segment_header, magic), FIELD(segment_header, version), FIELD(segment_header, header_bytes),
           FIELD(segment_header, bus_id), FIELD(segment_header, epoch), FIELD(segment_header, first_seq),
           FIELD(segment_header, previous_last_seq), FIELD(segment_header, previous_chain),
           FIELD(segment_header, created_ns), FIELD(segment_header, compatible_flags),
           FIELD(segment_header, incompatible_flags), FIELD(segment_header, reserved),
           FIELD(segment_header, checksum)}}},
        {"commit_header",
         {sizeof(log::commit_header),
          {FIELD(commit_header, magic), FIELD(commit_header, version), FIELD(commit_header, flags),
           FIELD(commit_header, codec), FIELD(commit_header, reserved), FIELD(commit_header, stored_bytes),
           FIELD(commit_header, raw_bytes), FIELD(commit_header, first_seq), FIELD(commit_header, last_seq),
           FIELD(commit_header, record_count), FIELD(commit_header, reserved2), FIELD(commit_header, min_time_ns),
           FIELD(commit_header, max_time_ns), FIELD(commit_header, running_max_ns),
           FIELD(commit_header, previous_chain), FIELD(commit_header, body_hash),
           FIELD(commit_header, stored_checksum), FIELD(commit_header, place),
           FIELD(commit_header, header_checksum)}}},
        {"chain_input",
         {sizeof(log::chain_input),
          {FIELD(chain_input, previous_chain), FIELD(chain_input, body_hash), FIELD(chain_input, first_seq),
           FIELD(chain_input, last_seq), FIELD(chain_input, record_count), FIELD(chain_input, running_max_ns)}}},
        {"record_prefix",
         {sizeof(log::record_prefix),
          {FIELD(record_prefix, bytes), FIELD(record_prefix, kind), FIELD(record_prefix, flags),
           FIELD(record_prefix, reserved)}}},
        {"range_body", {sizeof(log::range_body), {FIELD(range_body, first), FIELD(range_body, last)}}},
        {"lost_body",
         {sizeof(log::lost_body),
          {FIELD(lost_body, first), FIELD(lost_body, last), FIELD(lost_body, cause), FIELD(lost_body, reserved)}}},
        {"member_body",
         {sizeof(log::member_body),
          {FIELD(member_body, time_ns), FIELD(member_body, pid), FIELD(member_body, number),
           FIELD(member_body, incarnation), FIELD(member_body, what), FIELD(member_body, name_bytes),
           FIELD(member_body, reserved)}}},
        {"run_body",
         {sizeof(log::run_body),
          {FIELD(run_body, time_ns), FIELD(run_body, run), FIELD(run_body, what), FIELD(run_body, reserved)}}},
        {"anchor_body",
         {sizeof(log::anchor_body),
          {FIELD(anchor_body, time_ns), FIELD(anchor_body, seq), FIELD(anchor_body, label_bytes),
           FIELD(anchor_body, reserved)}}},
        {"full_anchor_body",
         {sizeof(log::full_anchor_body),
          {FIELD(full_anchor_body, time_ns), FIELD(full_anchor_body, seq), FIELD(full_anchor_body, label_bytes),
           FIELD(full_anchor_body, reserved), FIELD(full_anchor_body, walk_from), FIELD(full_anchor_body, content_hash)}}},
        {"footer_header",
         {sizeof(log::footer_header),
          {FIELD(footer_header, magic), FIELD(footer_header, version), FIELD(footer_header, sections),
           FIELD(footer_header, bytes), FIELD(footer_header, checksum)}}},
        {"section_entry",
         {sizeof(log::section_entry),
          {FIELD(section_entry, kind), FIELD(section_entry, flags), FIELD(section_entry, at), FIELD(section_entry, bytes),
           FIELD(section_entry, checksum)}}},
        {"footer_tail",
         {sizeof(log::footer_tail),
          {FIELD(footer_tail, magic), FIELD(footer_tail, footer_offset), FIELD(footer_tail, bytes),
           FIELD(footer_tail, first_seq), FIELD(footer_tail, directory), FIELD(footer_tail, sections),
           FIELD(footer_tail, reserved), FIELD(footer_tail, checksum)}}},
        {"segment_summary",
         {sizeof(log::segment_summary),
          {FIELD(segment_summary, first_seq), FIELD(segment_summary, last_seq), FIELD(segment_summary, min_time_ns),
           FIELD(segment_summary, max_time_ns), FIELD(segment_summary, running_max_ns),
           FIELD(segment_summary, chain), FIELD(segment_summary, commits), FIELD(segment_summary, records),
           FIELD(segment_summary, events), FIELD(segment_summary, fragments), FIELD(segment_summary, voids),
           FIELD(segment_summary, lost), FIELD(segment_summary, damaged), FIELD(segment_summary, raw_bytes),
           FIELD(segment_summary, data_end)}}},
        {"block_entry",
         {sizeof(log::block_entry),
          {FIELD(block_entry, offset), FIELD(block_entry, first_seq), FIELD(block_entry, last_seq),
           FIELD(block_entry, min_time_ns), FIELD(block_entry, max_time_ns), FIELD(block_entry, running_max_ns)}}},
        {"name_table",
         {sizeof(log::name_table),
          {FIELD(name_table, entries), FIELD(name_table, places), FIELD(name_table, text_bytes),
           FIELD(name_table, reserved), FIELD(name_table, unnamed)}}},
        {"name_entry",
         {sizeof(log::name_entry),
          {FIELD(name_entry, hash), FIELD(name_entry, count), FIELD(name_entry, first_seq),
           FIELD(name_entry, last_seq), FIELD(name_entry, text_at), FIELD(name_entry, text_bytes),
           FIELD(name_entry, places_at), FIELD(name_entry, places)}}},
        {"value_table",
         {sizeof(log::value_table),
          {FIELD(value_table, bucket_bits), FIELD(value_table, entries), FIELD(value_table, complete_below)}}},
        {"value_entry",
         {sizeof(log::value_entry), {FIELD(value_entry, hash), FIELD(value_entry, place)}}},
        {"index_header",
         {sizeof(log::index_header),
          {FIELD(index_header, magic), FIELD(index_header, version), FIELD(index_header, reserved),
           FIELD(index_header, bus_id), FIELD(index_header, first_seq), FIELD(index_header, segment_bytes),
           FIELD(index_header, checksum)}}},
        {"letter_note",
         {sizeof(letters::letter_note),
          {NOTE(seq), NOTE(first_seq), NOTE(event_at), NOTE(due_ns), NOTE(since_ns), NOTE(last_ns), NOTE(attempts),
           NOTE(event_bytes), NOTE(frames), NOTE(error_bytes), NOTE(version), NOTE(state), NOTE(flags)}}},
        {"cursor_header",
         {sizeof(log::cursor_header),
          {FIELD(cursor_header, magic), FIELD(cursor_header, version), FIELD(cursor_header, flags),
           FIELD(cursor_header, bus_id), FIELD(cursor_header, next_seq), FIELD(cursor_header, walk_from),
           FIELD(cursor_header, saves), FIELD(cursor_header, saved_ns), FIELD(cursor_header, filter_hash),
           FIELD(cursor_header, filter_bytes), FIELD(cursor_header, unsure_letters), FIELD(cursor_header, letters),
           FIELD(cursor_header, may_repeat), FIELD(cursor_header, reserved2),
           FIELD(cursor_header, checksum)}}},
    };
}

std::string document() {
    const char* root = std::getenv("EVBUS_SOURCE_DIR");
#ifdef EVBUS_SOURCE_DIR
    if (root == nullptr) root = EVBUS_SOURCE_DIR;
#endif
    return root == nullptr ? std::string() : test_log::slurp(std::string(root) + "/docs/log-format.md");
}

std::vector<std::string> cells(const std::string& row) {
    std::vector<std::string> out;
    std::istringstream in(row.substr(1));
    for (std::string cell; std::getline(in, cell, '|');) {
        const std::size_t from = cell.find_first_not_of(' ');
        out.push_back(from == std::string::npos ? "" : cell.substr(from, cell.find_last_not_of(' ') - from + 1));
    }
    return out;
}

} // namespace

TEST_CASE("format document: every table says what the struct of its name is, byte for byte") {
    const std::string text = document();
    REQUIRE_MESSAGE(!text.empty(), "set EVBUS_SOURCE_DIR to the source tree");
    const std::map<std::string, layout> known = structs();
    std::set<std::string> seen;
    std::istringstream in(text);
    std::string name;
    layout told;
    std::size_t end = 0;
    const auto finish = [&] {
        if (name.empty()) return;
        CAPTURE(name);
        REQUIRE(known.contains(name));
        const layout& real = known.at(name);
        CHECK(told.size == real.size);
        CHECK(end == real.size); // no byte is left out
        CHECK(told.fields.size() == real.fields.size());
        for (const auto& known_field : real.fields) {
            CAPTURE(known_field.first);
            REQUIRE(told.fields.contains(known_field.first));
            CHECK(told.fields.at(known_field.first) == known_field.second);
        }
        seen.insert(name);
    };
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with("#")) {
            finish();
            name = line.starts_with("### `") ? line.substr(5, line.find('`', 5) - 5) : "";
            told = {};
            end = 0;
        } else if (!name.empty() && told.size == 0 && line.find(" bytes") != std::string::npos) {
            told.size = std::stoul(line);
        } else if (!name.empty() && line.starts_with("| ") && line.find_first_of("0123456789") == 2) {
            const std::vector<std::string> row = cells(line);
            if (row.size() < 4 || row[1].find_first_not_of("0123456789") != std::string::npos) continue;
            const field f{std::stoul(row[0]), std::stoul(row[1])};
            CAPTURE(name);
            CAPTURE(row[2]);
            CHECK(f.offset == end);
            end = f.offset + f.size;
            told.fields[row[2]] = f;
        }
    }
    finish();
    CHECK(seen.size() == known.size());
}

TEST_CASE("format document: the worked example is what the library writes") {
    const std::string text = document();
    REQUIRE(!text.empty());
    test_log t;
    t.event("a.b", "hi", 1000).voids(2).write();
    t.crash();
    const std::string bytes = t.bytes(0);
    std::istringstream in(text.substr(text.find("## An example")));
    std::size_t at = sizeof(log::segment_header);
    for (std::string line; std::getline(in, line);) {
        if (line.size() < 28 || line.find_first_not_of("0123456789") != 3) continue;
        REQUIRE(std::stoul(line) == at);
        for (std::size_t i = 0; i < 8; ++i)
            CHECK(std::stoul(line.substr(5 + 3 * i, 2), nullptr, 16) == static_cast<unsigned char>(bytes.at(at + i)));
        at += 8;
    }
    CHECK(at == bytes.size());
}
