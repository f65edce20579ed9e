#include "tests/fuzz/small_log.hpp"

#include "tests/fuzz/target.hpp"

#include "lib/log/compress.hpp"
#include "lib/log/log.hpp"
#include "lib/log/verify.hpp"

#include <evbus/error.hpp>
#include <evbus/filter.hpp>
#include <evbus/header_filter.hpp>
#include <evbus/log/log_reader.hpp>

namespace fuzz {

using namespace evbus;

namespace {

constexpr std::size_t most_entries = 200'000; // an input of some KiB holds far fewer; a loop would never end

/// What an entry says, without what depends on where it was read from.
void note(std::string& out, const elog::entry& e) {
    out += std::to_string(static_cast<int>(e.kind)) + " " + std::to_string(e.range.first) + "-" + std::to_string(e.range.last);
    if (e.kind == elog::entry_kind::frame) out.append(e.frame.topic).append(reinterpret_cast<const char*>(e.frame.payload.data()), e.frame.payload.size());
    out += "\n";
}

/// From the reader's place to the end: seqs follow each other, whatever stands in the files.
std::string walk(elog::log_reader& r) {
    std::string out;
    elog::entry e;
    elog::step s;
    std::size_t entries = 0;
    seq_t next = r.position();
    while ((s = r.next(e)) == elog::step::entry) {
        require(++entries < most_entries, "reading comes to an end");
        require(e.range.first == next && e.range.last + 1 >= e.range.first, "seqs follow each other");
        require(e.kind != elog::entry_kind::frame || e.range.count() == 1, "a frame has one seq");
        next = e.range.last + 1;
        note(out, e);
    }
    require(r.position() == next, "the reader says where it stands");
    require(s != elog::step::failed || !r.failure().empty(), "a failure has words");
    return out;
}

std::string read(memory_files& files) {
    elog::log_reader r(files, log_place.root, {log_bus});
    r.seek(1);
    return walk(r);
}

void read_in_every_way(memory_files& files) {
    elog::log_reader r(files, log_place.root, {log_bus});
    const seq_t last = r.last_seq();
    for (const seq_t from : {seq_t{1}, seq_t{2}, seq_t{13}, next_first() - 1, next_first(), last, last + 1}) {
        if (from == max_seq || from == no_seq) continue;
        r.seek(from);
        (void)walk(r);
    }
    for (const std::int64_t ns : {std::int64_t{0}, std::int64_t{1001}, r.last_time_ns(), std::numeric_limits<std::int64_t>::max()}) {
        (void)r.seek_time(ns);
        (void)walk(r);
    }
    const filter_set topics({"a.*"}, {"a.c"});
    const header_filter keyed(std::vector<header_filter::wanted>{{"own-key", "v"}});
    for (const elog::query& q : {elog::query{&topics}, elog::query{nullptr, &keyed}, elog::query{nullptr, nullptr, false}}) {
        r.select(q);
        r.seek(1);
        (void)walk(r);
    }
}

void verify_and_compress(memory_files& files) {
    const elog::verify_report said = elog::verify(files, log_place, {});
    require(said.unreadable == 0 || said.has_damage() || said.has_gaps(), "what is unreadable is said");
    const std::string before = read(files);
    elog::compress_options any;
    any.again = true;
    any.worth = 4;
    for (const seq_t first : {seq_t{1}, next_first()}) {
        try {
            (void)elog::compress_segment(files, log_place, first, any);
        } catch (const error& e) {
            require(e.kind() != errc::damaged, "what was compressed reads back as it was");
        }
    }
    require(read(files) == before, "compressing changes nothing that is read");
}

void write_on(memory_files& files) {
    elog::log_options o;
    o.bus = log_bus;
    o.epoch = epoch_t{2};
    elog::log_writer out = elog::log_writer::open(files, log_place.root, o);
    const seq_t next = out.next_seq();
    if (next >= max_seq - 8) return;
    elog::batch b(elog::batch::least_capacity);
    require(b.add_void({next, next + 4}), "a record goes into an empty batch");
    if (!out.append(b).ok()) return;
    require(out.close().ok(), "what recovery allowed can be sealed");
    elog::log_reader r(files, log_place.root, {log_bus});
    require(r.last_seq() == next + 4, "what was appended is the last");
    r.seek(next);
    elog::entry e;
    elog::step s;
    do s = r.next(e);
    while (s == elog::step::entry && e.range.count() == 0); // notes stand before it
    require(s == elog::step::entry && e.kind == elog::entry_kind::void_range && e.range.first == next,
            "what was appended is read back");
    r.seek(1);
    (void)walk(r);
}

} // namespace

void meet_log(memory_files files) {
    const auto refused = [](auto what) {
        try {
            what();
        } catch (const error&) {
            // Forks, foreign logs and newer versions are refused by name.
        }
    };
    refused([&] { read_in_every_way(files); });
    refused([&] { verify_and_compress(files); });
    refused([&] { write_on(files); });
}

} // namespace fuzz
