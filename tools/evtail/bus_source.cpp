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
        switch (consumer_.poll([&](const evbus::event& e) { to.event(e); }, [&](const evbus::gap& g) { to.gap(g); },
                               {.max_events = events_a_poll, .last = last})) {
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
    std::string failure() const override { return consumer_.failure(); }
    void add_to(read_counts& sum) const override {
        sum.from_log += consumer_.from_log();
        sum.from_ring += consumer_.account().events - consumer_.from_log();
        sum.voids += consumer_.account().voids;
        sum.log_bytes += consumer_.log_stats().bytes;
        sum.log_commits += consumer_.log_stats().commits;
    }

private:
    evbus::consumer consumer_;
};

class ring_reader final : public reader {
public:
    ring_reader(const evbus::bus& on, const evbus::read_options& how) : subscriber_(on, how) {}

    rest poll(sink& to, seq_t last) override {
        const std::size_t given =
            subscriber_.poll([&](const evbus::event& e) { to.event(e); }, [&](const evbus::gap& g) { to.gap(g); },
                             {.max_events = events_a_poll, .last = last});
        if (given != 0) return rest::more;
        return subscriber_.retired() ? rest::retired : rest::end;
    }
    void wait(std::chrono::nanoseconds limit) override { subscriber_.wait(std::min(limit, longest_wait)); }
    seq_t next() const override { return subscriber_.next(); }
    void add_to(read_counts& sum) const override {
        sum.from_ring += subscriber_.losses().events;
        sum.voids += subscriber_.losses().voids;
    }

private:
    evbus::subscriber subscriber_;
};

} // namespace

bus_source::bus_source(evbus::bus on, std::vector<std::string> filters, std::vector<std::string> exclude, bool ring_alone)
    : bus_(std::move(on)), filters_(std::move(filters)), exclude_(std::move(exclude)), ring_alone_(ring_alone),
      names_(bus_.log_dir(), bus_.id(), bus_.attach(evbus::ring::access::read_only)) {}

std::unique_ptr<reader> bus_source::read(evbus::from where) {
    const evbus::read_options how{.filters = filters_, .exclude = exclude_, .from = where, .name = "evtail"};
    if (ring_alone_) return std::make_unique<ring_reader>(bus_, how);
    return std::make_unique<both_reader>(bus_, how);
}

bool bus_source::is_stamped() {
    return bus_.attach(evbus::ring::access::read_only)->description().stamps() != evbus::ring::stamp_mode::none;
}

std::uint64_t bus_source::longest_event() const { return std::clamp<std::uint64_t>(bus_.slots() / 4, 1024, 65536); }

} // namespace evtail
