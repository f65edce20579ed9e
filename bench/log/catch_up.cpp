#include "consume.hpp"
#include "experiments.hpp"

#include "bench/harness/payload.hpp"

#include <evbus/consumer.hpp>
#include <evbus/log/commit_check.hpp>

#include <fcntl.h>

#include <cstring>
#include <filesystem>
#include <memory>
#include <vector>

namespace bench {
namespace {

/// A log that stays for all windows: both candidates read the same files.
struct warm_log {
    warm_log(const std::string& parent, std::uint64_t events) : on(parent) {
        quiet ran;
        lost = publish_and_record(on, events, evbus::recorder::sync_policy::none, ran).lost;
        for (const std::string& path : on.segments()) bytes += std::filesystem::file_size(path);
    }
    logged_bus on;
    std::uint64_t lost = 0;
    std::uint64_t bytes = 0;
};

struct read_back {
    double ns = 0;
    std::uint64_t sum = 0;
    std::uint64_t lost = 0;
};

double rate(std::uint64_t bytes, double ns) { return static_cast<double>(bytes) * 1e3 / ns; }

sample read_plainly(const warm_log& log) {
    const shared<read_back> r;
    const quiet ran =
        run_together({{place::second, [&] {
                           std::vector<std::uint64_t> piece((std::size_t{1} << 20) / 8);
                           const std::int64_t start = now_ns();
                           std::uint64_t bytes = 0;
                           for (const std::string& path : log.on.segments()) {
                               const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
                               ssize_t n = 0;
                               for (off_t at = 0; (n = ::pread(fd, piece.data(), piece.size() * 8, at)) > 0; at += n) {
                                   r->sum ^= plain_hash(piece.data(), static_cast<std::size_t>(n));
                                   bytes += static_cast<std::uint64_t>(n);
                               }
                               ::close(fd);
                           }
                           r->ns = static_cast<double>(now_ns() - start);
                           if (bytes != log.bytes) ++r->lost;
                       }}});
    return {{rate(log.bytes, r->ns)}, r->lost, ran};
}

/// The least that a reader of the log must do: pieces of 1 MiB, each commit's header and body checked.
std::uint64_t verify(int fd, std::uint64_t seed, std::vector<std::uint64_t>& piece, std::uint64_t& wrong) {
    using namespace evbus::log;
    const auto* const bytes = reinterpret_cast<const std::byte*>(piece.data());
    std::uint64_t at = sizeof(segment_header);
    while (true) {
        const ssize_t n = ::pread(fd, piece.data(), piece.size() * 8, static_cast<off_t>(at));
        std::size_t done = 0;
        commit_header h;
        while (n > 0 && done + sizeof h <= static_cast<std::size_t>(n)) {
            std::memcpy(&h, bytes + done, sizeof h);
            if (h.magic != commit_magic) return at + done; // the footer
            const std::size_t whole = sizeof h + h.stored_bytes;
            if (check_header(h, seed) != commit_fault::none) return ++wrong, at + done;
            if (done + whole > static_cast<std::size_t>(n)) break;
            if (evbus::detail::xxh3(bytes + done + sizeof h, h.stored_bytes, seed) != h.stored_checksum) ++wrong;
            done += whole;
        }
        if (done == 0) return at;
        at += done;
    }
}

sample read_verified(const warm_log& log) {
    const shared<read_back> r;
    const quiet ran = run_together({{place::second, [&] {
                                         std::vector<std::uint64_t> piece((std::size_t{1} << 20) / 8);
                                         const std::uint64_t seed = log.on.bus().handle().id().seed();
                                         const std::int64_t start = now_ns();
                                         for (const std::string& path : log.on.segments()) {
                                             const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
                                             r->sum += verify(fd, seed, piece, r->lost);
                                             ::close(fd);
                                         }
                                         r->ns = static_cast<double>(now_ns() - start);
                                         if (r->sum < log.bytes * 99 / 100) ++r->lost;
                                     }}});
    return {{rate(log.bytes, r->ns)}, r->lost, ran};
}

sample caught_up(const warm_log& log, std::uint64_t events) {
    const shared<consumed> c;
    const quiet ran = run_together({{place::second, [&] { *c = consume_all(log.on, events); }}});
    return {{rate(log.bytes, c->ns)}, c->lost + log.lost, ran};
}

} // namespace

consumed consume_all(const logged_bus& from, std::uint64_t events) {
    const evbus::bus on = from.bus().open();
    evbus::consumer::options how;
    how.from = evbus::from::oldest();
    evbus::consumer reader(on, how);
    consumed c;
    std::uint64_t number = 0;
    const std::int64_t start = now_ns();
    while (number < events) {
        const evbus::consume_status s = reader.poll([&](const evbus::event& e) {
            if (!is_whole<logged_payload>(e.payload(), ++number)) ++c.lost;
        });
        if (s != evbus::consume_status::delivered) break;
    }
    c.ns = static_cast<double>(now_ns() - start);
    c.lost += events - number + reader.account().lost();
    c.memory_mib = peak_memory_mib();
    return c;
}

experiment catch_up(const options& how) {
    const std::uint64_t events = how.quick ? 40'000 : 1'048'576;
    const auto made = std::make_shared<std::unique_ptr<warm_log>>();
    const std::string dir = how.dir;
    const auto log = [=]() -> const warm_log& {
        if (!*made) *made = std::make_unique<warm_log>(dir, events);
        return **made;
    };
    return {"catch_up",
            "all of a warm log of 1 Mi events of 256 B",
            {{"bytes of the log", "MB/s", true}},
            {{"pread() of 1 MiB with XXH3", [=] { return read_plainly(log()); }},
             {"verified read back", [=] { return read_verified(log()); }},
             {"consumer", [=] { return caught_up(log(), events); }}},
            {{"consumer", "bytes of the log", judged::ratio, std::nullopt},
             {"consumer", "bytes of the log", judged::ratio, 0.6, "verified read back"}}};
}

} // namespace bench
