// What evrecord refuses or halts for: its words and its exit codes.
#include "process_fixture.hpp"

#include <sys/mount.h>

using namespace process_test;

namespace {

/// A file system of its own and of little space; none where this user may not mount.
class small_disk {
public:
    small_disk(const std::string& at, const std::string& size) : at_(at) {
        std::filesystem::create_directories(at);
        mounted_ = ::mount("evbus-test", at.c_str(), "tmpfs", 0, ("size=" + size).c_str()) == 0;
        if (!mounted_) MESSAGE("may not mount a tmpfs here: not tested");
    }
    small_disk(const small_disk&) = delete;
    ~small_disk() {
        if (mounted_) ::umount2(at_.c_str(), MNT_DETACH);
    }
    [[nodiscard]] explicit operator bool() const { return mounted_; }

private:
    std::string at_;
    bool mounted_ = false;
};

support::finished try_evrecord(const world& w, support::words more = {}) {
    support::words all{support::tool("evrecord"), w.name()};
    all.insert(all.end(), more.begin(), more.end());
    return support::run(all);
}

} // namespace

TEST_CASE("evrecord: a second one on the bus ends with exit code 8 and names the first") {
    world w;
    const bus on = w.bus();
    evrecord first(w);
    const support::finished second = try_evrecord(w);
    CHECK(second.code == 8);
    CHECK(second.err.find(std::to_string(first.pid())) != std::string::npos);
    CHECK(first.end().code == 0);
}

TEST_CASE("evrecord: a log of another bus, a log that is no directory, and flags that differ: exit code 2") {
    world w, other;
    const bus on = w.bus(), stranger = other.bus();
    author(stranger, 1).publish(3);
    (void)record_all(stranger);
    std::filesystem::remove_all(w.log_dir());
    std::filesystem::copy(other.log_dir(), w.log_dir(), std::filesystem::copy_options::recursive);
    const support::finished foreign = try_evrecord(w);
    CHECK(foreign.code == 2);
    CHECK(foreign.err.find(w.log_dir()) != std::string::npos);

    std::filesystem::remove_all(w.log_dir());
    std::ofstream(w.log_dir()) << "a file";
    const support::finished file = try_evrecord(w);
    CHECK(file.code == 2);
    CHECK(file.err.find(w.log_dir()) != std::string::npos);

    const support::finished differs = try_evrecord(w, {"--slots", "128"});
    CHECK(differs.code == 2);
    CHECK(differs.err.find("128") != std::string::npos);
    CHECK(differs.err.find("64") != std::string::npos);
}

TEST_CASE("evrecord: another user who may use the ring and not its log is told so; nothing is changed") {
    if (::geteuid() != 0) return; // the directory around the log is its owner's alone
    world w({.group = group_access::write});
    const bus on = w.bus();
    const support::finished end = support::run({"setpriv", "--reuid", "65534", "--clear-groups", "--regid", "0",
                                                support::tool("evrecord"), w.name()});
    CHECK(end.code == 2);
    CHECK(end.err.find(w.log_dir()) != std::string::npos);
    CHECK_FALSE(on.has_recorder());
    author(on, 1).publish(3);
    CHECK(record_all(on).state == recorder_state::ended);
}

TEST_CASE("evrecord: a full disk ends it with exit code 5; the reason stands in ctl and manifest; mended it goes on") {
    world w;
    std::filesystem::create_directories(w.log_dir());
    const small_disk disk(w.log_dir(), "600k");
    if (!disk) return;
    const bus on = w.bus();
    author pen(on, 1, 80);
    {
        evrecord recorder(w);
        while (on.frontier().state == recorder_state::recording) pen.publish(1);
        const support::finished end = recorder.process().wait();
        INFO(end.err);
        CHECK(end.code == 5);
        CHECK(end.err.find("no space") != std::string::npos);
    }
    CHECK(on.frontier().state == recorder_state::no_space);
    REQUIRE(w.runs().size() == 1);
    CHECK(w.runs()[0].status == recorder::run_status::quarantined);
    CHECK(w.runs()[0].reason.find("no space") != std::string::npos);
    const seq_t written = on.frontier().written;
    CHECK(::mount("evbus-test", w.log_dir().c_str(), "tmpfs", MS_REMOUNT, "size=16m") == 0);
    pen.publish(10);
    {
        evrecord again(w);
        pen.publish(10);
        CHECK(again.end().code == 0);
    }
    const ledger l = w.whole_log(80);
    INFO(l.text());
    CHECK(l.faults.empty());
    CHECK(l.last_of.at(1) == pen.count());
    CHECK(l.last_seq >= written);
    for (const std::string& g : l.gaps) CHECK(g.ends_with("recorder lost"));
    CHECK(l.events + l.in_gaps == pen.last());
}

TEST_CASE("evrecord: told to lose, it goes on without space and says in the log what is missing") {
    world w({.slots = 64, .pacing = pacing::paced});
    std::filesystem::create_directories(w.log_dir());
    const small_disk disk(w.log_dir(), "600k");
    if (!disk) return;
    const bus on = w.bus();
    author pen(on, 1, 80);
    evrecord recorder(w, {"--on-full", "lose"});
    while (on.frontier().state == recorder_state::recording) pen.publish(1);
    CHECK(on.frontier().state == recorder_state::waiting_space);
    pen.publish(1'000);
    CHECK(::mount("evbus-test", w.log_dir().c_str(), "tmpfs", MS_REMOUNT, "size=16m") == 0);
    wait_until([&] { return on.frontier().state == recorder_state::recording; });
    pen.publish(100);
    const support::finished end = recorder.end();
    INFO(end.err);
    CHECK(end.code == 0);
    const ledger l = w.whole_log(80);
    INFO(l.text());
    CHECK(l.faults.empty());
    CHECK(l.in_gaps > 0);
    for (const std::string& g : l.gaps) CHECK(g.ends_with("recorder lost"));
    CHECK(l.events + l.in_gaps == pen.last());
    CHECK(l.last_of.at(1) == pen.count());
}

TEST_CASE("evrecord: the ring's names removed while it runs: it goes on with the next ring, seqs never twice") {
    world w({.slots = 64, .pacing = pacing::paced});
    bus on = w.bus();
    evrecord recorder(w);
    std::uint64_t published = 0;
    seq_t last = no_seq;
    for (std::uint32_t round = 1; round <= 4; ++round) {
        author pen(on, round);
        pen.publish(200);
        published += 200;
        CHECK(pen.last() > last);
        last = pen.last();
        REQUIRE(on.wait_written(last, ages));
        if (round == 4) break;
        w.unlink_ring();
        wait_until([&] { return pen.attempt() == publish_status::retired; });
        published += pen.count() - 200; // what still went in before it was closed
        last = pen.last();
        on = w.bus();
        CHECK(on.first_seq() > last);
        wait_until([&] { return on.has_recorder() && on.frontier().state == recorder_state::recording; });
    }
    consumer c(on, {.from = from::seq(1)});
    ledger l;
    read_to(c, l, last);
    INFO(l.text());
    CHECK(l.faults.empty());
    CHECK(l.missing == 0);
    CHECK(l.events == published);
    CHECK(l.gaps.size() == 3);
    for (const std::string& g : l.gaps) CHECK(g.ends_with("ring lost"));
    CHECK(adds_up(c, 1));
    CHECK(recorder.end().code == 0);
}
