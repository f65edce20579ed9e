#include "daemon.hpp"
#include "stores.hpp"

#include "bench/harness/machine.hpp"

#include <arpa/inet.h>
#include <nats/nats.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <stdexcept>

namespace bench::stores {
namespace {

void check(natsStatus s, const char* what) {
    if (s != NATS_OK) throw std::runtime_error(std::string("NATS, ") + what + ": " + natsStatus_GetText(s));
}

/// A port that nobody has at the moment.
int free_port() {
    const int s = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    const bool found = ::bind(s, reinterpret_cast<sockaddr*>(&at), size) == 0 &&
                       ::getsockname(s, reinterpret_cast<sockaddr*>(&at), &size) == 0;
    ::close(s);
    if (!found) throw std::runtime_error("NATS: no free port");
    return ntohs(at.sin_port);
}

/// A server of its own on loopback; one stream in files, published to asynchronously, read by an ordered consumer.
class nats_store final : public event_store {
public:
    nats_store(const std::string& dir, durability) : port_(free_port()), server_(command(dir)) {
        connect();
        check(natsConnection_JetStream(&stream_, to_, nullptr), "JetStream");
        jsStreamConfig config;
        check(jsStreamConfig_Init(&config), "stream");
        const char* subjects[] = {"md.>"};
        config.Name = "events";
        config.Subjects = subjects;
        config.SubjectsLen = 1;
        config.Storage = js_FileStorage;
        check(js_AddStream(nullptr, stream_, &config, nullptr, nullptr), "stream");
    }
    ~nats_store() override {
        jsCtx_Destroy(stream_);
        natsConnection_Destroy(to_);
    }

    void append(event_maker& from, std::uint64_t first, std::uint64_t count) override {
        for (std::uint64_t seq = first; seq < first + count; ++seq) {
            const store_event e = from.make(seq);
            topic_.assign(e.topic);
            body_.assign(reinterpret_cast<const char*>(&e.time_ns), 8);
            body_.append(reinterpret_cast<const char*>(e.payload.data()), e.payload.size());
            check(js_PublishAsync(stream_, topic_.c_str(), body_.data(), static_cast<int>(body_.size()), nullptr), "publish");
        }
        check(js_PublishAsyncComplete(stream_, nullptr), "publish");
        appended_ += count;
    }
    void finish() override {}
    void read_all(const std::function<void(const store_event&)>& look) override {
        jsSubOptions how;
        check(jsSubOptions_Init(&how), "subscribe");
        how.Ordered = true;
        natsSubscription* from = nullptr;
        check(js_SubscribeSync(&from, stream_, "md.>", nullptr, &how, nullptr), "subscribe");
        natsSubscription_SetPendingLimits(from, -1, -1);
        for (std::uint64_t seq = 1; seq <= appended_; ++seq) {
            natsMsg* m = nullptr;
            if (natsSubscription_NextMsg(&m, from, 5000) != NATS_OK) break; // the caller misses what is missing
            store_event e{seq, 0, natsMsg_GetSubject(m), {}};
            if (natsMsg_GetDataLength(m) >= 8) {
                std::memcpy(&e.time_ns, natsMsg_GetData(m), 8);
                e.payload = {reinterpret_cast<const std::byte*>(natsMsg_GetData(m)) + 8,
                             static_cast<std::size_t>(natsMsg_GetDataLength(m)) - 8};
            }
            look(e);
            natsMsg_Destroy(m);
        }
        natsSubscription_Destroy(from);
    }

private:
    std::vector<std::string> command(const std::string& dir) const {
        return {find_program("nats-server"), "-a", "127.0.0.1", "-p", std::to_string(port_), "-js", "-sd", dir + "/nats"};
    }
    void connect() {
        const std::string url = "nats://127.0.0.1:" + std::to_string(port_);
        for (const std::int64_t start = now_ns(); now_ns() - start < 10'000'000'000;) {
            if (natsConnection_ConnectTo(&to_, url.c_str()) == NATS_OK) return;
            server_.check_alive("nats-server");
            ::usleep(10'000);
        }
        throw std::runtime_error("NATS: no server after 10 s");
    }

    int port_;
    daemon server_;
    natsConnection* to_ = nullptr;
    jsCtx* stream_ = nullptr;
    std::string topic_;
    std::string body_;
    std::uint64_t appended_ = 0;
};

} // namespace

store_kind nats() {
    return {"NATS " + version_of("nats-server") + " JetStream",
            {"file, sync each 2 min", "", ""},
            200'000,
            [](const std::string& dir, durability how) { return std::make_unique<nats_store>(dir, how); }};
}

} // namespace bench::stores
