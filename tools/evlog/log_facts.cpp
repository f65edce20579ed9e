#include "tools/evlog/log_facts.hpp"

#include "lib/log/sum_up.hpp"
#include "lib/log/verify.hpp"
#include "tools/evlog/dead_letters_place.hpp"

#include <evbus/error.hpp>
#include <evbus/log/cursor_list.hpp>
#include <evbus/log/log_lock.hpp>
#include <evbus/log/log_reader.hpp>
#include <evbus/log/segment_index.hpp>
#include <evbus/log/segment_walk.hpp>

#include <algorithm>
#include <cstring>

namespace evlog {
namespace {

using namespace evbus::log;

file_system& fs() { return posix(); }

/// Frames by topic, as a footer's table gives them; every length in it is bounded first.
void add_topics(const section& s, log_facts& out) {
    name_table head;
    if (s.body.size() < sizeof head) return;
    std::memcpy(&head, s.body.data(), sizeof head);
    const std::uint64_t entries = std::uint64_t{head.entries} * sizeof(name_entry);
    const std::uint64_t text_at = sizeof head + entries + std::uint64_t{head.places} * 4;
    if (text_at + head.text_bytes > s.body.size()) return;
    out.unnamed += head.unnamed;
    for (std::uint32_t i = 0; i < head.entries; ++i) {
        name_entry e;
        std::memcpy(&e, s.body.data() + sizeof head + i * sizeof e, sizeof e);
        if (std::uint64_t{e.text_at} + e.text_bytes > head.text_bytes) continue;
        topic_facts& t = out.topics[std::string(reinterpret_cast<const char*>(s.body.data()) + text_at + e.text_at, e.text_bytes)];
        t.count += e.count;
        t.last = std::max(t.last, e.last_seq);
    }
}

void add_topics(const commit_view& c, log_facts& out) {
    std::span<const std::byte> rest = c.body;
    raw_record r;
    evbus::frame_view f;
    while (take_record(rest, r)) {
        if (r.kind != record_kind::event && r.kind != record_kind::fragment) continue;
        if (parse_frame(r.body, f) != evbus::frame_fault::none) continue;
        topic_facts& t = out.topics[std::string(f.topic)];
        ++t.count;
        t.last = std::max<evbus::seq_t>(t.last, f.header.word);
    }
}

segment_facts look(const log_dir& dir, evbus::seq_t first, bool with_topics, log_facts& out) {
    segment_facts s;
    s.first = first;
    segment_reader in;
    segment_header h{};
    if (const int r = in.open(fs(), segment_path(dir, first), out.bus.seed()); r < 0) {
        s.trouble = std::strerror(-r);
        return s;
    }
    s.bytes = static_cast<std::uint64_t>(std::max<std::int64_t>(0, in.size()));
    const segment_fault fault = in.read_header(out.bus, first, h);
    if (fault != segment_fault::none) s.trouble = fault == segment_fault::io ? std::strerror(in.os_error()) : std::string("it ") + to_string(fault);
    if (fault == segment_fault::io || fault == segment_fault::foreign || fault == segment_fault::version || fault == segment_fault::feature) return s;
    s.compressed = fault == segment_fault::none && (h.compatible_flags & segment_flags::compressed) != 0;
    segment_footer footer;
    s.sealed = footer.open(in.source(), first, out.bus.seed());
    const auto sum = s.sealed ? footer.summary() : std::nullopt;
    const auto topics = s.sealed && with_topics ? footer.read(section_kind::topics) : std::nullopt;
    if (sum && (!with_topics || topics)) {
        s.sums = *sum;
        if (topics) add_topics(*topics, out);
        return s;
    }
    segment_index index(first);
    in.refresh();
    const segment_walk w = walk_segment(in, {out.bus.seed(), h.previous_chain, 0, first}, [&](const commit_view& c) {
        index.note(c.header, c.body, c.offset, out.bus.seed());
        if (with_topics) add_topics(c, out);
    });
    s.sums = index.summary();
    if (!w.holes.empty()) s.trouble = "damaged: evlog verify says where";
    if (w.refused != commit_fault::none) s.trouble = to_string(w.refused);
    return s;
}

/// The time of each topic's last event: one look into the log each.
void add_times(log_facts& out) {
    log_reader log(fs(), out.dir, {out.bus});
    entry e;
    for (auto& [name, t] : out.topics) {
        log.seek(t.last);
        while (log.next(e, t.last) == step::entry)
            if (e.kind == entry_kind::frame) t.last_ns = e.time_ns();
    }
}

/// Frames are passed over, by the index where there is one.
void add_members(log_facts& out) {
    if (out.segments.empty()) return;
    log_reader log(fs(), out.dir, {out.bus});
    log.select({.topics = nullptr, .headers = nullptr, .frames = false});
    log.seek(log.first_seq());
    entry e;
    while (log.next(e) == step::entry) {
        if (e.kind != entry_kind::member) continue;
        const member_info& m = e.member;
        // A number's next life begins when the one before has left, which is told without name and pid.
        const auto known = std::find_if(out.members.rbegin(), out.members.rend(), [&](const member_facts& k) {
            if (k.number != m.number || k.incarnation != m.incarnation) return false;
            return m.what == member_change::left ? k.left_ns == 0 : k.pid == m.pid && k.name == m.name;
        });
        member_facts& who = known != out.members.rend()
                                ? *known
                                : out.members.emplace_back(member_facts{m.number, m.incarnation, m.pid, std::string(m.name), e.range.first, 0, 0});
        if (m.what == member_change::left) who.left_ns = m.time_ns;
        else if (who.joined_ns == 0) who.joined_ns = m.time_ns; // told again by each run that finds it there
    }
}

void add_quarantine(const log_dir& dir, log_facts& out) {
    std::vector<std::string> names;
    if (fs().list(dir.quarantine(), names) < 0) return;
    for (const std::string& name : names) {
        file_info info;
        if (fs().stat(dir.quarantine() + "/" + name, info) < 0) continue;
        ++out.quarantined;
        out.quarantined_bytes += info.bytes;
    }
}

} // namespace

double log_facts::rate() const {
    const std::int64_t ns = sums.max_time_ns - sums.min_time_ns;
    return sums.min_time_ns == 0 || ns <= 0 ? 0 : static_cast<double>(sums.events + sums.fragments) * 1e9 / static_cast<double>(ns);
}

log_facts gather(const std::string& dir, const info_parts& parts) {
    log_facts out;
    out.dir = dir;
    const log_dir at{dir};
    std::vector<evbus::seq_t> firsts;
    if (const int r = list_segments(fs(), at, firsts); r < 0 && r != -ENOENT) evbus::detail::throw_errno(-r, "read log", at.segments());
    out.bus = bus_of_log(fs(), at, firsts);
    if (lock_file::is_held(fs(), at.lock())) out.writer = log_lock::holder(fs(), dir);
    for (const epoch_record& e : read_epochs(fs(), at)) {
        if (e.name != "-" && !e.name.empty() && std::find(out.names.begin(), out.names.end(), e.name) == out.names.end()) out.names.push_back(e.name);
        ++out.creations;
    }
    out.sums.first_seq = firsts.empty() ? evbus::no_seq : firsts.front();
    for (const evbus::seq_t first : firsts) {
        out.segments.push_back(look(at, first, parts.topics, out));
        const segment_facts& s = out.segments.back();
        if (out.sums.last_seq != evbus::no_seq && first > out.sums.last_seq + 1) out.between += first - out.sums.last_seq - 1;
        out.bytes += s.bytes;
        add_up(s.sums, out.sums);
    }
    if (!out.topics.empty()) add_times(out);
    if (parts.members) add_members(out);
    out.runs = evbus::recorder::load_manifests(fs(), at).runs;
    out.cursors = list_cursors(fs(), at, out.bus).size();
    out.workers = workers_of(at);
    add_quarantine(at, out);
    return out;
}

} // namespace evlog
