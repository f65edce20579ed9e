#include "daemon.hpp"
#include "stores.hpp"

#include "bench/harness/machine.hpp"

#include <hiredis/hiredis.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <stdexcept>

namespace bench::stores {
namespace {

struct free_reply {
    void operator()(redisReply* r) const { freeReplyObject(r); }
};
using reply = std::unique_ptr<redisReply, free_reply>;

const char* policy(durability how) {
    return how == durability::written ? "no" : how == durability::soon ? "everysec" : "always";
}

/// A server of its own on a Unix socket; one stream, entries by XADD in pipelines, read by XRANGE.
class redis_store final : public event_store {
public:
    redis_store(const std::string& dir, durability how)
        : server_({find_program("redis-server"), "--port", "0", "--unixsocket", socket_, "--dir", dir, "--save", "",
                   "--appendonly", "yes", "--appendfsync", policy(how), "--auto-aof-rewrite-percentage", "0",
                   "--daemonize", "no"}) {
        connect();
    }
    ~redis_store() override {
        redisFree(to_);
        ::unlink(socket_.c_str());
    }

    void append(event_maker& from, std::uint64_t first, std::uint64_t count) override {
        for (std::uint64_t seq = first; seq < first + count; ++seq) {
            const store_event e = from.make(seq);
            char time[24], id[24];
            const std::string_view time_text = text_of(time, static_cast<std::uint64_t>(e.time_ns)), id_text = text_of(id, seq);
            const char* words[] = {"XADD", "events", id_text.data(), "t", time_text.data(), "c", e.topic.data(), "p",
                                   reinterpret_cast<const char*>(e.payload.data())};
            const std::size_t lengths[] = {4, 6, id_text.size(), 1, time_text.size(), 1, e.topic.size(), 1, e.payload.size()};
            redisAppendCommandArgv(to_, 9, words, lengths);
        }
        for (std::uint64_t i = 0; i < count; ++i) (void)next_reply();
    }
    void finish() override {} // everysec cannot be waited for
    void read_all(const std::function<void(const store_event&)>& look) override {
        std::string from = "-";
        while (true) {
            redisAppendCommand(to_, "XRANGE events %s + COUNT 1000", from.c_str());
            const reply page = next_reply();
            if (page->elements == 0) return;
            for (std::size_t i = 0; i < page->elements; ++i) look(event_of(*page->element[i]));
            const redisReply& last = *page->element[page->elements - 1]->element[0];
            from = "(" + std::string(last.str, last.len);
        }
    }

private:
    static std::string_view text_of(char (&to)[24], std::uint64_t number) {
        return {to, static_cast<std::size_t>(std::to_chars(to, to + sizeof to, number).ptr - to)};
    }
    template <class Number>
    static Number number_of(const redisReply& r) {
        Number n = 0;
        std::from_chars(r.str, r.str + r.len, n);
        return n;
    }
    static store_event event_of(const redisReply& entry) {
        const redisReply& fields = *entry.element[1];
        if (fields.elements != 6) return {};
        const redisReply &topic = *fields.element[3], &payload = *fields.element[5];
        return {number_of<std::uint64_t>(*entry.element[0]), number_of<std::int64_t>(*fields.element[1]),
                {topic.str, topic.len},
                {reinterpret_cast<const std::byte*>(payload.str), payload.len}};
    }
    reply next_reply() {
        void* r = nullptr;
        if (redisGetReply(to_, &r) != REDIS_OK) throw std::runtime_error(std::string("Redis: ") + to_->errstr);
        reply got(static_cast<redisReply*>(r));
        if (got->type == REDIS_REPLY_ERROR) throw std::runtime_error("Redis: " + std::string(got->str, got->len));
        return got;
    }
    void connect() {
        for (const std::int64_t start = now_ns(); now_ns() - start < 10'000'000'000;) {
            to_ = redisConnectUnix(socket_.c_str());
            if (to_ != nullptr && to_->err == 0) return;
            redisFree(to_);
            to_ = nullptr;
            server_.check_alive("redis-server");
            ::usleep(10'000);
        }
        throw std::runtime_error("Redis: no server after 10 s");
    }

    /// Not below `dir`: a socket's path is at most 107 bytes long.
    std::string socket_ = std::filesystem::temp_directory_path() / ("evbus-bench-" + std::to_string(::getpid()) + ".redis");
    daemon server_;
    redisContext* to_ = nullptr;
};

} // namespace

store_kind redis() {
    return {"Redis " + version_of("redis-server") + " stream",
            {"AOF no", "AOF everysec (1 s)", "AOF always"},
            300'000,
            [](const std::string& dir, durability how) { return std::make_unique<redis_store>(dir, how); }};
}

} // namespace bench::stores
