// Others' ways to keep events in order on disk: tables, keys, streams. Each holds the same events, with
// topic, time and a payload that begins and ends with its number, and gives them back in their order.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bench::stores {

/// What an appended event must survive.
enum class durability : std::uint8_t {
    written, ///< the end of its process: it stands in the page cache
    soon,    ///< a loss of power, but for the last 10 ms
    always,  ///< a loss of power, as soon as its batch was acknowledged
};
inline constexpr std::chrono::milliseconds soon_interval{10};

/// Events that are appended with one call: a transaction, a write batch, a pipeline.
inline constexpr std::uint64_t batch_events = 4096;

/// One event as every store gets it.
struct store_event {
    std::uint64_t seq = 0;
    std::int64_t time_ns = 0;
    std::string_view topic{};
    std::span<const std::byte> payload{};
};

inline constexpr int topic_count = 64;
/// The topic of event `seq`.
[[nodiscard]] std::string topic_name(std::uint64_t seq);

/// Makes events and knows them again. Payloads have `payload_bytes`, and their number at both ends.
class event_maker {
public:
    explicit event_maker(std::size_t payload_bytes);
    /// Valid until the next call.
    [[nodiscard]] store_event make(std::uint64_t seq) noexcept;
    /// True when it is the event of that number, topic included.
    [[nodiscard]] bool is_event(const store_event& e, std::uint64_t seq) const noexcept;
    [[nodiscard]] std::size_t payload_bytes() const noexcept { return payload_.size(); }

private:
    std::vector<std::string> topics_;
    std::vector<std::byte> payload_;
};

class event_store {
public:
    virtual ~event_store() = default;
    /// Appends events first .. first + count - 1. With durability::always they are durable when it returns.
    virtual void append(event_maker& from, std::uint64_t first, std::uint64_t count) = 0;
    /// Returns when all that was appended is as durable as was asked for.
    virtual void finish() = 0;
    /// Gives every event, oldest first.
    virtual void read_all(const std::function<void(const store_event&)>& look) = 0;
};

struct store_kind {
    std::string name;                 ///< with its version
    std::array<std::string, 3> how{}; ///< the settings for each durability; empty: the store has no such
    std::uint64_t events;             ///< for about a second of appending
    /// Opens an empty store below `dir`.
    std::function<std::unique_ptr<event_store>(const std::string& dir, durability how)> open;

    [[nodiscard]] const std::string& settings(durability d) const { return how[static_cast<std::size_t>(d)]; }
};

#ifdef BENCH_SQLITE
[[nodiscard]] store_kind sqlite();
#endif
#ifdef BENCH_ROCKSDB
[[nodiscard]] store_kind rocksdb();
#endif
#ifdef BENCH_REDIS
[[nodiscard]] store_kind redis();
#endif
#ifdef BENCH_NATS
[[nodiscard]] store_kind nats();
#endif

} // namespace bench::stores
