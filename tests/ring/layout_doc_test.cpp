// docs/shm-layout.md against the structs: every field, every byte.
#include "ring_fixture.hpp"

#include "tests/support/doc_tables.hpp"

#include <algorithm>
#include <map>

using namespace ring_test;
using namespace evbus::ring;
using evbus_test::doc_field;

namespace {

struct real_struct {
    std::size_t bytes;
    std::vector<doc_field> fields;
};

#define FIELD(type, name) doc_field{offsetof(type, name), sizeof(type::name), #name}

std::map<std::string, real_struct> structs() {
    using d = ring_description;
    using c = ctl_header;
    using m = member_entry;
    using f = frontier_words;
    return {
        {"ring_description",
         {sizeof(d),
          {FIELD(d, magic), FIELD(d, byte_order), FIELD(d, version), FIELD(d, compatible), FIELD(d, incompatible), FIELD(d, file_bytes),
           FIELD(d, slots_offset), FIELD(d, slots), FIELD(d, slot_bytes), FIELD(d, mode), FIELD(d, bus_id), FIELD(d, epoch),
           FIELD(d, first_seq), FIELD(d, created_ns), FIELD(d, pacing), FIELD(d, stamps), FIELD(d, stall_limit_ns), FIELD(d, clock_offset),
           FIELD(d, tail_offset), FIELD(d, boot_id), FIELD(d, reserved0), FIELD(d, name), FIELD(d, reserved1), FIELD(d, checksum)}}},
        {"ring_header",
         {sizeof(ring_header),
          {FIELD(ring_header, description), FIELD(ring_header, log_dir), FIELD(ring_header, tail), FIELD(ring_header, reserved0),
           FIELD(ring_header, reserved1), FIELD(ring_header, clock)}}},
        {"clock_table",
         {sizeof(clock_table), {FIELD(clock_table, count), FIELD(clock_table, writer), FIELD(clock_table, reserved), FIELD(clock_table, pieces)}}},
        {"clock_piece",
         {sizeof(clock_piece),
          {FIELD(clock_piece, begin_ticks), FIELD(clock_piece, base_ns), FIELD(clock_piece, ns_per_tick), FIELD(clock_piece, check)}}},
        {"ctl_header",
         {sizeof(c),
          {FIELD(c, magic), FIELD(c, byte_order), FIELD(c, version), FIELD(c, compatible), FIELD(c, incompatible), FIELD(c, file_bytes),
           FIELD(c, epoch), FIELD(c, members_offset), FIELD(c, member_stride), FIELD(c, member_count), FIELD(c, reserved0),
           FIELD(c, frontier), FIELD(c, verdict), FIELD(c, data_bell), FIELD(c, frontier_bell), FIELD(c, notices),
           FIELD(c, publishers_high), FIELD(c, readers_high), FIELD(c, reserved1), FIELD(c, latency_offset), FIELD(c, latency_stride),
           FIELD(c, latency_readers), FIELD(c, reserved2), FIELD(c, anchors), FIELD(c, reserved3)}}},
        {"anchor_words",
         {sizeof(anchor_words),
          {FIELD(anchor_words, state), FIELD(anchor_words, answer), FIELD(anchor_words, seq), FIELD(anchor_words, walk_from),
           FIELD(anchor_words, content_hash), FIELD(anchor_words, reference_bytes), FIELD(anchor_words, reserved),
           FIELD(anchor_words, reference)}}},
        {"latency_table",
         {sizeof(latency_table), {FIELD(latency_table, readers), FIELD(latency_table, written), FIELD(latency_table, durable)}}},
        {"latency_words",
         {sizeof(latency_words),
          {FIELD(latency_words, life), FIELD(latency_words, sum_ns), FIELD(latency_words, max_ns), FIELD(latency_words, negative),
           FIELD(latency_words, reserved), FIELD(latency_words, buckets)}}},
        {"frontier_words",
         {sizeof(f),
          {FIELD(f, written), FIELD(f, durable), FIELD(f, generation), FIELD(f, state), FIELD(f, recorder_pid), FIELD(f, captured),
           FIELD(f, anchor), FIELD(f, pressure), FIELD(f, suspensions), FIELD(f, reserved)}}},
        {"verdict_words", {sizeof(verdict_words), {FIELD(verdict_words, verdict), FIELD(verdict_words, closing), FIELD(verdict_words, closed_at), FIELD(verdict_words, reserved)}}},
        {"doorbell_words",
         {sizeof(doorbell_words), {FIELD(doorbell_words, rings), FIELD(doorbell_words, sleepers), FIELD(doorbell_words, reserved)}}},
        {"member_entry",
         {sizeof(m),
          {FIELD(m, state), FIELD(m, kind), FIELD(m, incarnation), FIELD(m, pid), FIELD(m, joined_ns), FIELD(m, name), FIELD(m, reserved0),
           FIELD(m, position), FIELD(m, events), FIELD(m, lost), FIELD(m, voids), FIELD(m, from_log), FIELD(m, turns), FIELD(m, mode),
           FIELD(m, pressure), FIELD(m, shed)}}},
        {"frame_header",
         {sizeof(frame_header),
          {FIELD(frame_header, word), FIELD(frame_header, topic_hash), FIELD(frame_header, published), FIELD(frame_header, payload_len),
           FIELD(frame_header, incarnation), FIELD(frame_header, topic_len), FIELD(frame_header, flags), FIELD(frame_header, publisher)}}},
        {"fragment_part", {sizeof(fragment_part), {FIELD(fragment_part, total), FIELD(fragment_part, offset)}}},
        {"headers_prefix",
         {sizeof(headers_prefix), {FIELD(headers_prefix, bytes), FIELD(headers_prefix, count), FIELD(headers_prefix, reserved)}}},
        {"header_entry_prefix",
         {sizeof(evbus::detail::header_entry_prefix),
          {FIELD(evbus::detail::header_entry_prefix, code), FIELD(evbus::detail::header_entry_prefix, key_len),
           FIELD(evbus::detail::header_entry_prefix, value_len)}}},
    };
}

} // namespace

TEST_CASE("layout document: every table says what the struct of its name is, byte for byte") {
    const std::map<std::string, real_struct> known = structs();
    const std::vector<evbus_test::doc_table> told = evbus_test::read_doc_tables(std::string(EVBUS_SOURCE_DIR) + "/docs/shm-layout.md");
    CHECK(told.size() == known.size());
    for (const evbus_test::doc_table& table : told) {
        CAPTURE(table.name);
        REQUIRE(known.contains(table.name));
        const real_struct& real = known.at(table.name);
        CHECK(table.bytes == real.bytes);
        CHECK(table.fields.size() == real.fields.size());
        std::size_t end = 0;
        for (std::size_t i = 0; i < std::min(table.fields.size(), real.fields.size()); ++i) {
            const doc_field& f = table.fields[i];
            CAPTURE(f.name);
            CHECK(f == real.fields[i]);
            CHECK(f.offset == end); // no byte is left out
            end = f.offset + f.size;
        }
        CHECK(end == real.bytes);
    }
}

TEST_CASE("layout: sizes, offsets and lock bytes are what a reader in another language was told") {
    CHECK(sizeof(ring_header) == 8192);
    CHECK(ring_bytes(16384, 256) == 8192 + 16384 * 256);
    CHECK(latency_offset == 4096 + 8192 * 128);
    CHECK(ctl_bytes == latency_offset + 1026 * 576);
    CHECK(creation_lock_byte == 0);
    CHECK(recorder_lock_byte == 8192);
    CHECK(anchor_lock_byte == 8193);
    CHECK(recorder_lock_byte < ctl_bytes);
    CHECK(std::memcmp(&ring_magic, "EBUSRNG1", 8) == 0);
    CHECK(std::memcmp(&ctl_magic, "EBUSCTL1", 8) == 0);
    CHECK(ring_format_version == 1);
}
