#include "peers.hpp"

#include <iceoryx_hoofs/log/logmanager.hpp>
#include <iceoryx_posh/popo/publisher.hpp>
#include <iceoryx_posh/popo/subscriber.hpp>
#include <iceoryx_posh/runtime/posh_runtime.hpp>
#include <iceoryx_versions.hpp>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <system_error>

namespace bench::peers {
namespace {

/// iceoryx's daemon, which owns the shared memory: a child for as long as this lives, and its memory with it.
class roudi {
public:
    roudi() : pid_(::fork()) {
        if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
        if (pid_ != 0) return;
        ::prctl(PR_SET_PDEATHSIG, SIGTERM);
        for (const int output : {STDOUT_FILENO, STDERR_FILENO}) ::dup2(::open("/dev/null", O_WRONLY), output);
        ::execlp("iox-roudi", "iox-roudi", "-m", "off", "-l", "error", static_cast<char*>(nullptr));
        ::_exit(127);
    }
    ~roudi() {
        if (maker_ != ::getpid()) return;
        ::kill(pid_, SIGTERM);
        ::waitpid(pid_, nullptr, 0);
    }
    roudi(const roudi&) = delete;
    roudi& operator=(const roudi&) = delete;

private:
    pid_t maker_ = ::getpid();
    pid_t pid_;
};

iox::capro::ServiceDescription service(const std::string& way) {
    return {"evbus-bench", {iox::cxx::TruncateToCapacity, way}, "event"};
}
/// Joins the daemon, and leaves it at the process's end: it does not survive the death of its clients.
void join() {
    static const bool joined = [] {
        iox::log::LogManager::GetLogManager().SetDefaultLogLevel(iox::log::LogLevel::kError,
                                                                 iox::log::LogLevelOutput::kHideLogLevel);
        iox::runtime::PoshRuntime::initRuntime(
            {iox::cxx::TruncateToCapacity, "evbus-bench-" + std::to_string(::getpid())});
        return std::at_quick_exit([] { iox::runtime::PoshRuntime::getInstance().~PoshRuntime(); }) == 0;
    }();
    if (!joined) throw std::runtime_error("iceoryx: cannot leave at the end");
}
void wait_a_moment() { ::usleep(1000); }

class writer {
public:
    explicit writer(const std::string& way) : pen_((join(), service(way)), settings()) {}
    void meet() {
        while (!pen_.hasSubscribers()) wait_a_moment();
    }
    bool put(std::uint64_t number) {
        auto loaned = pen_.loan();
        if (loaned.has_error()) return false;
        loaned.value()->set(number);
        loaned.value().publish();
        return true;
    }

private:
    static iox::popo::PublisherOptions settings() {
        iox::popo::PublisherOptions o;
        o.subscriberTooSlowPolicy = iox::popo::ConsumerTooSlowPolicy::WAIT_FOR_CONSUMER;
        return o;
    }
    iox::popo::Publisher<wire_event> pen_;
};

class reader {
public:
    explicit reader(const std::string& way) : ears_((join(), service(way)), settings()) {}
    void meet() {
        while (ears_.getSubscriptionState() != iox::SubscribeState::SUBSCRIBED) wait_a_moment();
    }
    template <class Look>
    std::size_t take(Look&& look) {
        auto taken = ears_.take();
        if (taken.has_error()) return 0;
        look(taken.value()->number());
        return 1;
    }
    std::uint64_t next() {
        std::uint64_t number = 0;
        while (take([&](std::uint64_t n) { number = n; }) == 0) rest_();
        return number;
    }

private:
    static iox::popo::SubscriberOptions settings() {
        iox::popo::SubscriberOptions o;
        o.queueCapacity = 256; // the most that Debian's build has
        o.queueFullPolicy = iox::popo::QueueFullPolicy::BLOCK_PRODUCER;
        return o;
    }
    iox::popo::Subscriber<wire_event> ears_;
    relax rest_;
};

/// Discovery takes its time: made is not connected.
template <class End>
struct connected : End {
    explicit connected(const std::string& way) : End(way) { this->meet(); }
};
struct side : player<writer, reader> {
    side(const std::string& out, const std::string& in) : player(out, in) {
        pen.meet();
        ears.meet();
    }
};

} // namespace

peer iceoryx() {
    return {"iceoryx " ICEORYX_LATEST_RELEASE_VERSION ", blocking producer, 256 places, spinning",
            [](std::uint64_t events) {
                const roudi daemon;
                return stream(
                    {events}, [&](int) { return connected<writer>("there"); },
                    [&](int) { return connected<reader>("there"); });
            },
            [](std::uint64_t trips) {
                const roudi daemon;
                return play(
                    trips, [&] { return side("there", "back"); }, [&] { return side("back", "there"); });
            },
            200'000, 50'000};
}

} // namespace bench::peers
