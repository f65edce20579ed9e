#include "tools/evtail/bus_source.hpp"

#include <evbus/consumer.hpp>
#include <evbus/subscriber.hpp>

#include <algorithm>

namespace evtail {
namespace {

constexpr std::size_t events_a_poll = 4096;
// Who is no participant sleeps by timer: four times a second when nothing comes.
constexpr std::chrono::nanoseconds longest_wait{250'000'000};

class both_reader final : public reader {
public:
    both_reader(const evbus::bus& on, const evbus::read_options& how) : consumer_(on, how) {}

    rest poll(sink& to, seq_t last) override {
        const std::uint64_t from_log = consumer_.from_log();
        std::uint64_t bytes = 0;
        const auto on_event = [&](const evbus::event& e) {
            bytes += bytes_of(e);
            to.event(e);
        };
        const evbus::consume_status s =
            consumer_.poll(on_event, [&](const evbus::gap& g) { to.gap(g); }, {.max_events = events_a_poll, .last = last});
        if (consumer_.from_log() == from_log) ring_bytes_ += bytes; // a poll gives events from one side only
        switch (s) {
        case evbus::consume_status::delivered: return rest::more;
        case evbus::consume_status::caught_up: return rest::end;
        case evbus::consume_status::recorder_behind: return rest::behind;
        case evbus::consume_status::retired: return rest::retired;
        case evbus::consume_status::log_failed:
        case evbus::consume_status::forked: break;
        }
        return rest::failed;
    }
    void wait(std::chrono::nanoseconds limit) override { consumer_.wait(std::min(limit, longest_wait)); }
    seq_t next() const override { return consumer_.next(); }
    evbus::cursor_place place() const override { return consumer_.place(); }
    std::uint64_t headless() const override { return consumer_.account().headless; }
    std::string failure() const override { return consumer_.failure(); }
    void add_to(read_counts& sum) const override {
        sum.from_log += consumer_.from_log();
        sum.from_ring += consumer_.account().events - consumer_.from_log();
        sum.voids += consumer_.account().voids;
        sum.ring_bytes += ring_bytes_;
        sum.log_bytes += consumer_.log_stats().bytes;
        sum.log_reads += consumer_.log_stats().reads;
        sum.log_commits += consumer_.log_stats().commits;
    }

private:
    evbus::consumer consumer_;
    std::uint64_t ring_bytes_ = 0;
};

class ring_reader final : public reader {
public:
    ring_reader(const evbus::bus& on, const evbus::read_options& how) : subscriber_(on, how) {}

    rest poll(sink& to, seq_t last) override {
        const auto on_event = [&](const evbus::event& e) {
            bytes_ += bytes_of(e);
            to.event(e);
        };
        const std::size_t given =
            subscriber_.poll(on_event, [&](const evbus::gap& g) { to.gap(g); }, {.max_events = events_a_poll, .last = last});
        if (given != 0) return rest::more;
        return subscriber_.retired() ? rest::retired : rest::end;
    }
    void wait(std::chrono::nanoseconds limit) override { subscriber_.wait(std::min(limit, longest_wait)); }
    seq_t next() const override { return subscriber_.next(); }
    std::uint64_t headless() const override { return subscriber_.losses().headless; }
    void add_to(read_counts& sum) const override {
        sum.from_ring += subscriber_.losses().events;
        sum.ring_bytes += bytes_;
        sum.voids += subscriber_.losses().voids;
    }

private:
    evbus::subscriber subscriber_;
    std::uint64_t bytes_ = 0;
};

} // namespace

bus_source::bus_source(evbus::bus on, event_filter wanted, bool ring_alone, bool durable_only)
    : bus_(std::move(on)), wanted_(std::move(wanted)), ring_alone_(ring_alone), durable_only_(durable_only),
      names_(bus_.log_dir(), bus_.id(), bus_.attach(evbus::ring::access::read_only)) {}

std::unique_ptr<reader> bus_source::read(evbus::from where) {
    const evbus::read_options how{
        .filters = wanted_.topics, .exclude = wanted_.exclude, .headers = wanted_.headers, .from = where, .durable_only = durable_only_, .name = "evtail"};
    if (ring_alone_) return std::make_unique<ring_reader>(bus_, how);
    return std::make_unique<both_reader>(bus_, how);
}

seq_t bus_source::head() {
    const seq_t head = bus_.head();
    return durable_only_ ? std::min(head, bus_.frontier().durable + 1) : head;
}

bool bus_source::is_stamped() {
    return bus_.attach(evbus::ring::access::read_only)->description().stamps() != evbus::ring::stamp_mode::none;
}

std::uint64_t bus_source::longest_event() const { return std::clamp<std::uint64_t>(bus_.slots() / 4, 1024, 65536); }

} // namespace evtail
