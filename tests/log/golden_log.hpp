// The golden log: how it is made, and all that the readers of this version say of a log, as text.
#pragma once

#include "tests/log/log_fixture.hpp"

#include "lib/log/compress.hpp"
#include "lib/log/verify.hpp"
#include "lib/recorder/manifest.hpp"

#include <evbus/headers.hpp>
#include <evbus/log/cursor_list.hpp>
#include <evbus/log/epochs.hpp>

#include <sstream>

namespace log_test {

/// Makes the times of a segment's creation the same every time.
inline void settle(const test_log& t, std::size_t segment) {
    std::string b = t.bytes(segment);
    log::segment_header h;
    std::memcpy(&h, b.data(), sizeof h);
    h.created_ns = 1'700'000'000'000'000'000;
    h.checksum = log::checksum_of(h, log::bus_of(h).seed());
    std::memcpy(b.data(), &h, sizeof h);
    t.set_bytes(segment, b);
}

/// A frame that has headers before its topic.
inline std::vector<std::byte> frame_with_headers(std::string_view topic, std::string_view payload) {
    const headers some{{"type", "order"}, {"region", "eu"}};
    const auto block = std::as_bytes(some.words());
    std::vector<std::byte> out = make_frame(topic, payload);
    out[offsetof(frame_header, flags)] |= std::byte{frame_flags::headers};
    out.insert(out.begin() + sizeof(frame_header), block.begin(), block.end());
    return out;
}

/// Five segments of two epochs: a plain one, a compressed one, one with a break and its index beside it,
/// one of the same epoch behind that, and one of the next epoch that is still growing; all kinds of
/// records; epochs, a manifest of a run, a cursor.
inline void make_golden(test_log& t) {
    static const lines topics{"orders.new", "orders.paid", "web.get"};
    const auto write = [&t](int from, int count) {
        for (int i = from; i < from + count; ++i) t.event(topics[static_cast<std::size_t>(i) % 3], "payload number " + std::to_string(i), 1000 + i);
        t.write();
    };
    t.options.segment_bytes = 2500;
    t.run_start().joined("gateway").anchor("begin");
    write(0, 4);
    log::batch keyed(log::batch::least_capacity);
    if (!keyed.add_frame(t.writer().next_seq(), 1100, frame_with_headers(topics[0], "with headers")) || !t.writer().append(keyed).ok())
        std::abort();
    t.voids(3).lost(2).fragment(topics[2], "one half", 1500).event(topics[1], "", 0);
    for (int i = 10; t.writer().rolls() < 2; i += 6) write(i, 6);
    t.crash();
    t.options.segment_bytes = 64 << 10;
    write(200, 3);
    write(210, 3);
    write(220, 3);
    t.crash();
    // The second commit of the third segment loses a bit; what recovery leaves is part of the format too.
    log::segment_reader in;
    log::commit_view c;
    if (in.open(log::posix(), t.path(2), test_bus.seed()) != 0) std::abort();
    if (in.read(sizeof(log::segment_header), c) != log::walk::commit) std::abort();
    t.flip_bit(2, (c.end() + sizeof(log::commit_header) + 40) * 8);
    t.reopen();
    write(300, 2);
    if (!t.writer().begin_epoch(epoch_t{2}, t.writer().next_seq() + 5).ok()) std::abort();
    write(400, 3);
    t.crash();
    for (std::size_t i = 0; i < t.segments().size(); ++i) settle(t, i);
    log::compress_options any;
    any.worth = 2;
    if (log::compress_segment(log::posix(), {t.dir}, *log::parse_segment_name(t.segments().at(1)), any).outcome !=
        log::compress_outcome::compressed)
        std::abort();

    const log::log_dir dir{t.dir};
    for (const char* sub : {"runs", "cursors"}) fs::create_directories(t.dir + "/" + sub);
    log::append_epoch(log::posix(), dir, {epoch_t{1}, 1, 900, "boot-one", test_bus, "md"});
    log::append_epoch(log::posix(), dir, {epoch_t{2}, 60, 1300, "boot-two", test_bus, "md"});
    recorder::manifest m;
    m.run = 99;
    m.status = recorder::run_status::ended;
    m.bus = "md";
    m.id = test_bus;
    m.epoch = epoch_t{1};
    m.config = {{"sync", "interval"}};
    m.pid = 42;
    m.version = "0.1.0";
    m.started_ns = 900;
    m.ended_ns = 1200;
    m.first_seq = 1;
    m.last_seq = 30;
    if (recorder::save_manifest(log::posix(), dir, m) != 0) std::abort();
    test_log::spit(log::cursor_paths(dir, "billing").current, log::encode_cursor({test_bus, {7, 5}, 3, 1100, "orders.>"}));
}

/// All that is said of the log in `root`, a line each.
inline std::string tell(const std::string& root) {
    std::ostringstream out;
    const log::log_dir dir{root};
    log::log_reader r(log::posix(), root);
    out << "bus " << to_string(r.bus()) << ", seqs " << r.first_seq() << " to " << r.last_seq() << ", last time " << r.last_time_ns() << "\n";
    r.seek(1);
    for (const std::string& line : drain(r)) out << line << "\n";
    r.seek(1);
    log::entry e;
    while (r.next(e) == log::step::entry)
        if (e.kind == log::entry_kind::frame)
            for (const header& h : headers_view(e.frame.headers_block)) out << "header of " << e.seq() << ": " << h.key << "=" << h.value << "\n";
    for (const std::int64_t ns : {1002, 1500, 2000}) out << "at " << ns << ": seq " << r.seek_time(ns) << "\n";
    const log::log_state s = log::scan(log::posix(), dir, {}, log::scan_depth::all);
    for (const log::segment_state& one : s.segments)
        out << "segment " << one.first << ": " << one.walk.commits << " commits to seq " << one.last() << ", epoch "
            << to_string(static_cast<epoch_t>(one.header.epoch)) << (one.sealed ? ", sealed" : "")
            << ((one.header.compatible_flags & log::segment_flags::compressed) != 0 ? ", compressed" : "") << ", chain " << std::hex
            << one.walk.end.chain << std::dec << "\n";
    for (const log::found_hole& h : s.holes) out << "hole " << range_text(h.range) << " in segment " << h.segment << " at " << h.offset << "\n";
    const log::verify_report v = log::verify(log::posix(), dir, {});
    out << "verify: " << v.sums.commits << " commits, " << v.sums.events << " events, " << v.sums.fragments << " fragments, " << v.sums.voids
        << " void, " << v.sums.lost << " lost, " << v.unreadable << " unreadable, chain breaks " << s.chain_breaks << "\n";
    for (const log::epoch_record& made : log::read_epochs(log::posix(), dir))
        out << "epoch " << to_string(made.epoch) << " from " << made.first_seq << " at " << made.time_ns << " " << made.boot_id << " " << made.name << "\n";
    for (const recorder::manifest& m : recorder::load_manifests(log::posix(), dir).runs)
        out << "run " << m.run << " of " << m.bus << " " << to_string(m.status) << ", seqs " << m.first_seq << " to " << m.last_seq
            << ", sync " << m.config.at("sync") << "\n";
    for (const log::cursor_info& c : log::list_cursors(log::posix(), dir, test_bus))
        out << "cursor " << c.name << " next " << c.saved.place.next << " from " << c.saved.place.walk_from << " of " << c.saved.filter << "\n";
    return out.str();
}

} // namespace log_test
