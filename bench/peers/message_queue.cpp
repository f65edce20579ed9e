#include "peers.hpp"

#include <boost/interprocess/ipc/message_queue.hpp>
#include <boost/version.hpp>

#include <memory>

namespace bench::peers {
namespace {

namespace bip = boost::interprocess;

/// Two queues below one name, gone with it.
class queues {
public:
    queues() : name_(unused_name()), maker_(::getpid()) {
        for (const char* way : {"-there", "-back"})
            bip::message_queue(bip::create_only, (name_ + way).c_str(), places, sizeof(wire_event));
    }
    ~queues() {
        if (::getpid() != maker_) return;
        for (const char* way : {"-there", "-back"}) bip::message_queue::remove((name_ + way).c_str());
    }
    queues(const queues&) = delete;
    queues& operator=(const queues&) = delete;
    [[nodiscard]] std::string there() const { return name_ + "-there"; }
    [[nodiscard]] std::string back() const { return name_ + "-back"; }

private:
    static constexpr std::size_t places = 16'384;
    std::string name_;
    pid_t maker_;
};

class writer {
public:
    explicit writer(const std::string& name)
        : queue_(std::make_unique<bip::message_queue>(bip::open_only, name.c_str())) {}
    bool put(std::uint64_t number) {
        out_.set(number);
        while (!queue_->try_send(&out_, sizeof out_, 0)) rest_();
        return true;
    }

private:
    std::unique_ptr<bip::message_queue> queue_;
    wire_event out_;
    relax rest_;
};

class reader {
public:
    explicit reader(const std::string& name)
        : queue_(std::make_unique<bip::message_queue>(bip::open_only, name.c_str())) {}
    template <class Look>
    std::size_t take(Look&& look) {
        bip::message_queue::size_type bytes = 0;
        unsigned priority = 0;
        if (!queue_->try_receive(&in_, sizeof in_, bytes, priority)) return 0;
        look(in_.number());
        return 1;
    }
    std::uint64_t next() {
        std::uint64_t number = 0;
        while (take([&](std::uint64_t n) { number = n; }) == 0) rest_();
        return number;
    }

private:
    std::unique_ptr<bip::message_queue> queue_;
    wire_event in_;
    relax rest_;
};

using side = player<writer, reader>;

} // namespace

peer message_queue() {
    return {"boost " BOOST_LIB_VERSION " message_queue, 16,384 places, spinning",
            [](std::uint64_t events) {
                const queues q;
                return stream(
                    {events}, [&](int) { return writer(q.there()); }, [&](int) { return reader(q.there()); });
            },
            [](std::uint64_t trips) {
                const queues q;
                return play(
                    trips, [&] { return side(q.there(), q.back()); }, [&] { return side(q.back(), q.there()); });
            },
            500'000, 50'000};
}

} // namespace bench::peers
