// What can be chosen for a worker, and what it tells of itself.
#pragma once

#include <evbus/consume_status.hpp>
#include <evbus/delivery.hpp>
#include <evbus/error.hpp>
#include <evbus/event.hpp>
#include <evbus/from.hpp>
#include <evbus/header_filter.hpp>
#include <evbus/notice.hpp>
#include <evbus/outcome.hpp>
#include <evbus/pressure.hpp>
#include <evbus/ring/waiter.hpp>
#include <evbus/work/backoff.hpp>
#include <evbus/work/restart_budget.hpp>
#include <evbus/work/retry_schedule.hpp>
#include <evbus/work/save_due.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace evbus {
inline namespace v1 {

/// What a worker does when events cannot be had.
enum class at_gap : std::uint8_t {
    go_on, ///< the cursor passes the gap
    stop,  ///< the worker ends with errc::gap, its cursor before the gap
};

/// Callbacks run on the worker's thread and must not throw. A worker needs a bus with a log.
struct worker_options {
    std::string cursor{};                   ///< its name: [a-z0-9][a-z0-9._-]{0,62}; also that of its letters
    std::vector<std::string> filters{};     ///< patterns to let pass; none = all but '$' topics
    std::vector<std::string> exclude{};     ///< patterns to keep out
    header_filter headers{};                ///< events must have all of these
    evbus::from from = evbus::from::oldest(); ///< where a cursor that was never saved begins
    bool durable_only = false;              ///< handle nothing that would not survive a power loss
    evbus::order order = evbus::order::any; ///< who waits while an event waits for its next try
    evbus::thrown thrown = evbus::thrown::restarts;
    restart_policy restart = evbus::restart::bounded{};
    retry_policy retry{};                   ///< attempts 1-1000, factor 1-1000, jitter 0-1
    save_policy save{};                     ///< events 1-2^32, every 0 s-1 h, ahead 0-2^32
    std::size_t batch = 64;                 ///< events given at once to a handler that takes batches, 1-65,536
    std::size_t batch_bytes = std::size_t{16} << 20;        ///< and of their payloads; the one that passes it is the last
    std::uint64_t max_dead_bytes = std::uint64_t{1} << 30;    ///< of dead letters; then it ends with errc::letters_full
    std::uint64_t max_waiting_bytes = std::uint64_t{256} << 20; ///< of events that wait; then it reads no further
    std::function<at_gap(const gap&)> on_gap{};             ///< none: go on
    std::function<bool(const error&)> on_failed_save{};     ///< true: go on and try again; false, or none: end with it
    std::function<void()> before_save{}; ///< what the handler holds back is to be written now; throws: as a failed save
    std::size_t max_buffered_bytes = default_buffered_bytes; ///< as read_options has it
    pressure_marks marks{};      ///< of lag / ring slots, buffered bytes, and waiting letters / max_waiting_bytes
    pressure_hook on_pressure{}; ///< told of each change of state
    std::string name = "worker";            ///< 1-39 bytes, for people
    wait_strategy wait = wait_strategy::block;
    std::chrono::nanoseconds spin{20'000};  ///< `block`: how long to spin before sleeping
    notice_hook on_notice{};
};

/// A worker's account of this life. Counted in events unless it says otherwise.
struct worker_stats {
    std::uint64_t handled = 0;   ///< answered next or stop, letters included
    std::uint64_t repeats = 0;   ///< given as possible repeats
    std::uint64_t retries = 0;   ///< given again after a failed try
    std::uint64_t dead = 0;      ///< sent to the dead letters
    std::uint64_t gap_seqs = 0;  ///< seqs that could not be had
    std::uint64_t saves = 0;     ///< of the cursor
    std::uint64_t failed_saves = 0;
    std::uint64_t restarts = 0;
    std::uint64_t waiting = 0;   ///< now: that wait for another try, or behind one that does
    seq_t next = no_seq;         ///< now: the next seq to read
    consumer_mode mode = consumer_mode::live;
    bool is_over = false;        ///< its thread has ended; join() says why
};

/// Thrown by worker::join() when the handler failed more often than the restart policy allows.
class worker_error : public error {
public:
    worker_error(const error_text& words, std::string topic, seq_t seq, std::uint32_t attempts, std::string text)
        : error(errc::handler_failed, words), topic_(std::move(topic)), text_(std::move(text)), seq_(seq), attempts_(attempts) {}

    /// The event that it failed on; of a batch the first.
    [[nodiscard]] seq_t seq() const noexcept { return seq_; }
    [[nodiscard]] const std::string& topic() const noexcept { return topic_; }
    /// How often in a row it failed there, in this life.
    [[nodiscard]] std::uint32_t attempts() const noexcept { return attempts_; }
    /// What the handler said.
    [[nodiscard]] const std::string& text() const noexcept { return text_; }

private:
    std::string topic_;
    std::string text_;
    seq_t seq_;
    std::uint32_t attempts_;
};

namespace work {


inline void refuse_option(const worker_options& o, const char* option, const std::string& value, const char* range) {
    throw error(errc::bad_option, {"start worker " + o.cursor, std::string(option) + " " + value, "out of range", range});
}

/// Throws bad_option for what is out of range, naming option, value and range.
inline void check_options(const worker_options& o) {
    using std::chrono::nanoseconds;
    const auto ns = [](nanoseconds n) { return std::to_string(n.count()) + " ns"; };
    constexpr nanoseconds longest_save = std::chrono::hours(1), longest_delay = std::chrono::hours(24 * 365);
    if (o.retry.attempts < 1 || o.retry.attempts > 1000) refuse_option(o, "retry.attempts", std::to_string(o.retry.attempts), "use 1 to 1000");
    if (o.retry.first_delay < nanoseconds(0) || o.retry.first_delay > longest_delay)
        refuse_option(o, "retry.first_delay", ns(o.retry.first_delay), "use 0 s to a year");
    if (o.retry.max_delay < nanoseconds(0) || o.retry.max_delay > longest_delay)
        refuse_option(o, "retry.max_delay", ns(o.retry.max_delay), "use 0 s to a year");
    // Said so that what is no number is refused as well.
    if (!(o.retry.factor >= 1 && o.retry.factor <= 1000)) refuse_option(o, "retry.factor", std::to_string(o.retry.factor), "use 1 to 1000");
    if (!(o.retry.jitter >= 0 && o.retry.jitter <= 1)) refuse_option(o, "retry.jitter", std::to_string(o.retry.jitter), "use 0 to 1");
    if (o.save.events < 1 || o.save.events > std::uint64_t{1} << 32)
        refuse_option(o, "save.events", std::to_string(o.save.events), "use 1 to 4294967296");
    if (o.save.every < nanoseconds(0) || o.save.every > longest_save) refuse_option(o, "save.every", ns(o.save.every), "use 0 s to an hour");
    if (o.save.ahead > std::uint64_t{1} << 32) refuse_option(o, "save.ahead", std::to_string(o.save.ahead), "use 0 to 4294967296");
    if (o.batch < 1 || o.batch > 65'536) refuse_option(o, "batch", std::to_string(o.batch), "use 1 to 65536");
    if (o.batch_bytes < 1) refuse_option(o, "batch_bytes", "0", "use at least 1");
    if (o.max_dead_bytes < 1) refuse_option(o, "max_dead_bytes", "0", "use at least 1");
    if (o.max_waiting_bytes < 1) refuse_option(o, "max_waiting_bytes", "0", "use at least 1");
    if (o.spin < nanoseconds(0)) refuse_option(o, "spin", ns(o.spin), "use 0 s or more");
    if (const auto* b = std::get_if<restart::bounded>(&o.restart); b != nullptr && b->within <= nanoseconds(0))
        refuse_option(o, "restart.within", ns(b->within), "use more than 0 s");
}

} // namespace work
} // namespace v1
} // namespace evbus
