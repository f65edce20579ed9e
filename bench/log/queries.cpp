#include "queries.hpp"

#include "logged_bus.hpp"

#include "lib/log/log.hpp"

#include <evbus/log/newest_search.hpp>
#include <evbus/log_walk.hpp>
#include <evbus/newest_topics.hpp>

#include <array>
#include <cstring>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace bench {
namespace {

using evbus::seq_t;
namespace log = evbus::log;

constexpr std::uint64_t topics = 1000;
constexpr std::size_t payload_bytes = 32;
constexpr std::size_t rare_events = 100; ///< of the rare topic, and of the header value that is sought
constexpr const char* rare_topic = "alarm.overheated";
constexpr const char* sought_id = "order-4711";
const evbus::bus_id bench_bus{{0x1111, 0x2222}};

std::vector<std::byte> make_frame(std::string_view topic, std::string_view correlation_id) {
    evbus::headers block;
    if (!correlation_id.empty()) block.add(evbus::header_key::correlation_id, correlation_id);
    const auto headers = std::as_bytes(block.words());
    evbus::frame_header h{};
    h.topic_hash = evbus::topic_hash(topic);
    h.payload_len = payload_bytes;
    h.incarnation = 1;
    h.topic_len = static_cast<std::uint8_t>(topic.size());
    h.flags = headers.empty() ? std::uint8_t{0} : evbus::frame_flags::headers;
    h.publisher = 1;
    std::vector<std::byte> out(evbus::frame_bytes(false, headers.size(), topic.size(), payload_bytes));
    std::memcpy(out.data(), &h, sizeof h);
    if (!headers.empty()) std::memcpy(out.data() + sizeof h, headers.data(), headers.size());
    std::memcpy(out.data() + sizeof h + headers.size(), topic.data(), topic.size());
    return out;
}

/// A log of `events` events of 1,000 topics in turn, every tenth with a correlation-id of its own; the rare
/// topic and the sought id stand evenly in it. Event n is stamped n us.
struct asked_log {
    asked_log(const std::string& parent, std::uint64_t count) : dir(parent), events(count) {
        log::log_options how;
        how.bus = bench_bus;
        how.epoch = evbus::epoch_t{1};
        log::log_writer out = log::log_writer::open(log::posix(), dir.path(), how);
        std::vector<std::vector<std::byte>> common;
        for (std::uint64_t t = 0; t < topics; ++t) common.push_back(make_frame("md.trade.S" + std::to_string(1000 + t), ""));
        const std::vector<std::byte> rare = make_frame(rare_topic, "");
        const std::vector<std::byte> sought = make_frame("order.filled", sought_id);
        const auto batch = std::make_unique<log::batch>();
        const auto flush = [&] {
            if (!out.append(*batch).ok()) throw std::runtime_error("the benchmark's log cannot be written");
            batch->clear();
        };
        const std::uint64_t every = events / rare_events;
        std::vector<std::byte> own;
        for (seq_t seq = 1; seq <= events; ++seq) {
            const bool has_id = seq % 10 == 1;
            if (has_id) own = make_frame("order.new", "order-" + std::to_string(100'000 + seq));
            const std::vector<std::byte>& frame = seq % every == every / 2   ? rare
                                                  : seq % every == every / 3 ? sought
                                                  : has_id                   ? own
                                                                             : common[seq * 7 % topics];
            if (batch->add_frame(seq, static_cast<std::int64_t>(seq) * 1000, frame)) continue;
            flush();
            if (!batch->add_frame(seq, static_cast<std::int64_t>(seq) * 1000, frame)) throw std::logic_error("a frame that fits no batch");
        }
        flush();
        if (!out.close().ok()) throw std::runtime_error("the benchmark's log cannot be closed");
    }
    scratch_dir dir;
    std::uint64_t events;
};

/// What one question cost.
struct cost {
    double ms = 0;
    double mib = 0;
    double reads = 0;
    std::uint64_t lost = 0;
};

using question = std::function<std::uint64_t(evbus::log_walk& walk)>; ///< how many events are missing or too many

cost ask(const asked_log& of, const question& ask) {
    const std::int64_t start = now_ns();
    evbus::log_walk walk(log::posix(), of.dir.path(), {bench_bus});
    cost c;
    c.lost = ask(walk);
    c.ms = static_cast<double>(now_ns() - start) / 1e6;
    c.mib = static_cast<double>(walk.log().stats().bytes) / (1 << 20);
    c.reads = static_cast<double>(walk.log().stats().reads);
    return c;
}

/// Walks from `first` on; the difference between the events that come and those expected.
std::uint64_t walk_all(evbus::log_walk& walk, seq_t first, evbus::filter_set wanted, evbus::header_filter headers, std::uint64_t expected) {
    evbus::delivery deliver;
    wanted.remember();
    if (!headers.empty()) deliver.pick_by_first_frames();
    walk.want_headers(std::move(headers));
    const auto on_event = [](const evbus::event&) {};
    const auto on_gap = [](const evbus::gap&) {};
    seq_t next = first;
    while (walk.poll(next, evbus::max_seq, wanted, deliver, on_event, on_gap, [](const auto&) {}, {.max_events = 4096}) ==
           evbus::log_rest::limits) {}
    const std::uint64_t got = deliver.account().events;
    return (got > expected ? got - expected : expected - got) + deliver.account().lost();
}

std::uint64_t step_once(evbus::log_walk& walk, seq_t seq) {
    log::entry e;
    return walk.log().next(e) == log::step::entry && e.seq() == seq ? 0 : 1;
}

/// How many of the newest events of `expected` topics are missing or too many, found from the log's end.
std::uint64_t find_newest(evbus::log_walk& walk, const std::string& dir, evbus::filter_set wanted, std::uint64_t expected) {
    wanted.remember();
    const evbus::header_filter any;
    evbus::newest_topics found(wanted, any);
    log::newest_search search(log::posix(), {dir}, walk.log(), wanted, any, found);
    const seq_t last = walk.log().last_seq();
    search.run(last, 0);
    const evbus::newest_pick pick = found.pick(last);
    walk.want_only(&pick.ranges);
    evbus::delivery deliver;
    std::uint64_t given = 0;
    const auto on_event = [&](const evbus::event& e) { given += pick.wants(e) ? 1U : 0U; };
    const auto on_gap = [](const evbus::gap&) {};
    seq_t next = pick.begin;
    while (walk.poll(next, evbus::max_seq, wanted, deliver, on_event, on_gap, [](const auto&) {}, {.max_events = 4096}) ==
           evbus::log_rest::limits) {}
    return (given > expected ? given - expected : expected - given) + deliver.account().lost();
}

evbus::filter_set hundred_topics() {
    std::vector<std::string> names;
    for (int t = 0; t < 100; ++t) names.push_back("md.trade.S" + std::to_string(1000 + 10 * t));
    return evbus::filter_set(names);
}

class warm_log {
public:
    warm_log(std::string parent, std::uint64_t events) : parent_(std::move(parent)), events_(events) {}
    const asked_log& get() {
        if (!made_) made_ = std::make_unique<asked_log>(parent_, events_);
        return *made_;
    }

private:
    std::string parent_;
    std::uint64_t events_;
    std::unique_ptr<asked_log> made_;
};

using question_of_log = std::function<std::uint64_t(evbus::log_walk& walk, const asked_log& of)>;

candidate asking_of(const char* name, const std::shared_ptr<warm_log>& log, const question_of_log& q) {
    return {name, [=]() -> sample {
                const asked_log& of = log->get();
                const shared<cost> c;
                const quiet ran = run_together({{place::second, [&] {
                                                     *c = ask(of, [&](evbus::log_walk& w) { return q(w, of); });
                                                 }}});
                return {{c->ms, c->mib, c->reads}, c->lost, ran};
            }};
}
candidate asking(const char* name, const std::shared_ptr<warm_log>& log, const question& q) {
    return asking_of(name, log, [q](evbus::log_walk& walk, const asked_log&) { return q(walk); });
}

} // namespace

std::vector<experiment> queries(const options& how) {
    const std::uint64_t events = how.quick ? 60'000 : 10'000'000;
    const auto log = std::make_shared<warm_log>(how.dir, events);
    const std::vector<metric> metrics{{"time", "ms"}, {"read", "MiB"}, {"reads", ""}};
    const auto everything =
        asking("all of it", log, [=](evbus::log_walk& w) { return walk_all(w, 1, evbus::filter_set(), {}, events); });
    const auto rare = asking("by its topic", log, [](evbus::log_walk& w) {
        return walk_all(w, 1, evbus::filter_set({rare_topic}), {}, rare_events);
    });
    const auto value = asking("by its value", log, [](evbus::log_walk& w) {
        return walk_all(w, 1, evbus::filter_set(), evbus::header_filter().add("correlation-id", sought_id), rare_events);
    });
    const auto last = asking("the last ten", log, [=](evbus::log_walk& w) {
        return walk_all(w, w.log().last_seq() - 9, evbus::filter_set(), {}, 10);
    });
    const auto seq = asking("a seq", log, [=](evbus::log_walk& w) {
        w.log().seek(events / 3);
        return step_once(w, events / 3);
    });
    const auto time = asking("a time", log, [=](evbus::log_walk& w) {
        w.log().seek_time(static_cast<std::int64_t>(events) * 600);
        return step_once(w, events * 6 / 10);
    });
    const auto newest = asking_of("the newest of 100 topics", log, [](evbus::log_walk& w, const asked_log& of) {
        return find_newest(w, of.dir.path(), hundred_topics(), 100);
    });
    const auto newest_of_all = asking_of("the newest of all topics", log, [](evbus::log_walk& w, const asked_log& of) {
        return find_newest(w, of.dir.path(), evbus::filter_set(), topics * 9 / 10 + 3); // a tenth never comes; three are not of md.trade
    });
    std::vector<experiment> all{
        {"rare_topic", "100 events of one topic out of 10 million", metrics, {everything, rare},
         {{"by its topic", "time", judged::ratio, 0.02}, {"by its topic", "read", judged::value, 4}}},
        {"header_value", "100 events of one correlation-id out of 10 million", metrics, {everything, value},
         {{"by its value", "time", judged::ratio, 0.02}, {"by its value", "read", judged::value, 8}}},
        {"places", "the end, a seq and a time of 10 million events", metrics, {everything, last, seq, time},
         {{"the last ten", "reads", judged::value, 20}, {"a seq", "reads", judged::value, 20}, {"a time", "reads", judged::value, 20}}},
        {"newest", "the newest event of each topic, of 10 million events of 903 topics", metrics, {everything, newest, newest_of_all},
         {{"the newest of 100 topics", "time", judged::ratio, 0.02}, {"the newest of all topics", "time", judged::ratio, 0.02}}},
    };
    for (experiment& e : all) e.spins = false;
    return all;
}

} // namespace bench
