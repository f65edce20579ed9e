// Logs that travel between real processes: over pipes and TCP, killed on the way, with peers that misbehave.
#include "tests/support/random.hpp"
#include "tests/tools/evtail_fixture.hpp"

#include <evbus/log/log_reader.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

using namespace tools_test;

namespace {

struct transfer_fixture : evtail_fixture {
    /// A log with `n` events in segments of 1 MiB, whose recorder has ended.
    void record_events(int n, const std::string& text = std::string(180, 'x')) {
        if (!bus) create_logged(1 << 14);
        for (int i = 0; i < n; ++i) publish("a.b", text + std::to_string(i));
        process p = record({"--segment-bytes", "1M", "--keep-free", "0"});
        wait_written(bus->head() - 1);
        REQUIRE(end(p) == 0);
    }
    [[nodiscard]] std::string copy() const { return log() + "-copy"; }
    [[nodiscard]] static words evlog(words more) {
        more.insert(more.begin(), support::tool("evlog"));
        return more;
    }
    /// Everything that reading gives, headers included.
    [[nodiscard]] static std::string content(const std::string& dir) {
        const finished f = tail_of({"--log", dir, "-n", "all", "-o", "json", "--utc"});
        INFO(f.err);
        CHECK(f.code == 0);
        return f.out;
    }
    void check_copy() const {
        const std::string there = content(log()), here = content(copy());
        CHECK(there.size() == here.size());
        CHECK((there == here));
        CHECK(run(evlog({"verify", copy()})).code == 0);
    }
    /// The port that a listening process told.
    static std::string port_of(process& p) {
        p.wait_until([](const std::string&, const std::string& err) { return has(err, "connects to 127.0.0.1:") && err.ends_with('\n'); });
        const std::size_t at = p.err().find("127.0.0.1:");
        return p.err().substr(at, p.err().find_first_not_of("0123456789.:", at) - at);
    }
    static evbus::seq_t last_seq(const std::string& dir) {
        if (!evbus::log::is_log_dir(evbus::log::posix(), {dir})) return 0;
        try {
            return evbus::log::log_reader(evbus::log::posix(), dir).last_seq();
        } catch (const evbus::error&) {
            return 0;
        }
    }
    static void wait_until_last(const std::string& dir, evbus::seq_t last, process& alive) {
        while (last_seq(dir) < last) {
            REQUIRE(alive.is_running());
            ::usleep(2000);
        }
    }
};

int connect_raw(const std::string& address) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.find(':') + 1))));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0);
    return fd;
}

} // namespace

TEST_CASE_FIXTURE(transfer_fixture, "evlog export: a file of the log, and the log of the file") {
    record_events(6000);
    const finished out = run(evlog({"export", log()}));
    REQUIRE(out.code == 0);
    CHECK(has(out.err, "exported seqs 1 to 6000"));
    const finished in = run(evlog({"import", copy()}), out.out);
    INFO(in.err);
    CHECK(in.code == 0);
    CHECK(has(in.err, "imported seqs 1 to 6000"));
    CHECK(has(in.err, "durable up to seq 6000"));
    check_copy();
    CHECK(run(evlog({"import", copy(), "--position"})).out == "6001\n");
    const finished cut = run(evlog({"import", copy() + "2"}), std::string_view(out.out).substr(0, out.out.size() - 1000));
    CHECK(cut.code == 2);
    CHECK(has(cut.err, "cut off"));
    CHECK(has(cut.err, "durable up to seq"));
    const finished rest = run(evlog({"import", copy() + "2"}), out.out);
    CHECK(rest.code == 0);
    CHECK(has(rest.err, "were there already"));
    std::filesystem::remove_all(copy() + "2");
    // A file is made once, and a wrong way is said at once.
    const std::string file = log() + ".stream";
    CHECK(run(evlog({"export", log(), "-o", file})).code == 0);
    CHECK((support::read_file(file).size() == out.out.size()));
    CHECK(run(evlog({"export", log(), "-o", file})).code == 2);
    CHECK(run(evlog({"import", copy(), "-i", file})).code == 0);
    CHECK(run(evlog({"import", copy(), "-i", log() + "/epochs"})).code == 2);
    CHECK(run(evlog({"export", log(), "--follow", "--to", "3"})).code == 2);
    CHECK(run(evlog({"import", copy(), "--follow"})).code == 2);
    CHECK(run(evlog({"import", copy(), "--connect", "127.0.0.1:99999"})).code == 2);
    CHECK(run(evlog({"import", copy(), "--connect", "127.0.0.1:1"})).code == 2);
    std::filesystem::remove(file);
}

TEST_CASE_FIXTURE(transfer_fixture, "evlog import: a log that is recorded, or that a bus here lives on, is left alone") {
    record_events(10);
    const finished out = run(evlog({"export", name()}));
    const finished live = run(evlog({"import", log()}), out.out);
    CHECK(live.code == 2);
    CHECK(has(live.err, "is the log of bus " + name()));
    process recorder = record();
    const finished f = run(evlog({"import", log()}), out.out);
    CHECK(f.code == 2);
    CHECK(end(recorder) == 0);
}

TEST_CASE_FIXTURE(transfer_fixture, "evlog export: what is written when it starts goes out, and no more than is durable") {
    create_logged(1 << 14);
    process recorder = record();
    for (int i = 0; i < 500; ++i) publish("a.b", std::to_string(i));
    wait_written(500);
    const finished out = run(evlog({"export", name()}));
    CHECK(out.code == 0);
    CHECK(has(out.err, "exported seqs 1 to 500"));
    CHECK(run(evlog({"import", copy()}), out.out).code == 0);
    CHECK(last_seq(copy()) == 500);
    CHECK(end(recorder) == 0);
}

TEST_CASE_FIXTURE(transfer_fixture, "evlog export --listen: importers that come late, come again, or come from nowhere") {
    record_events(2000);
    process server(evlog({"export", log(), "--listen", "0", "--follow"}));
    const std::string port = port_of(server);
    // A peer that says nonsense, and one that leaves at once, are told off; the next one is served.
    const int nonsense = connect_raw(port);
    const std::string words_of_a_stranger = "GET / HTTP/1.1\r\nHost: x\r\n\r\n" + std::string(200, 'x');
    REQUIRE(::send(nonsense, words_of_a_stranger.data(), words_of_a_stranger.size(), MSG_NOSIGNAL) > 0);
    server.wait_for_err("it is no stream of evbus");
    ::close(nonsense);
    ::close(connect_raw(port));
    server.wait_for_err("it is empty");
    process mirror(evlog({"import", copy(), "--follow", "--connect", port}));
    wait_until_last(copy(), 2000, mirror);
    // Another bus's log asks for what is not here.
    transfer_fixture other;
    other.record_events(5);
    const finished foreign = run(evlog({"import", other.log(), "--connect", port}));
    CHECK(foreign.code == 2);
    mirror.signal(SIGINT);
    CHECK(mirror.wait().code == 0);
    server.signal(SIGINT);
    CHECK(server.wait().code == 0);
    check_copy();
}

TEST_CASE_FIXTURE(transfer_fixture, "evlog: a peer that connects and says nothing holds nobody up who wants to end") {
    record_events(10);
    process server(evlog({"export", log(), "--listen", "0"}));
    const int silent = connect_raw(port_of(server));
    server.signal(SIGTERM);
    CHECK(server.wait().code == 128 + SIGTERM);
    ::close(silent);
    process importer(evlog({"import", copy(), "--listen", "0"}));
    const int mute = connect_raw(port_of(importer));
    importer.signal(SIGINT);
    CHECK(importer.wait().code == 128 + SIGINT);
    ::close(mute);
}

TEST_CASE_FIXTURE(transfer_fixture, "evlog: a mirror whose both sides are killed at random has every event in the end") {
    evbus_test::random_source random;
    SHOW_SEED(random);
    create_logged(1 << 14);
    process recorder = record({"--segment-bytes", "1M", "--keep-free", "0"});
    publish("a.b", "first");
    std::optional<process> server, mirror;
    std::string port = "0";
    const auto start_server = [&] {
        server.reset();
        server.emplace(evlog({"export", name(), "--follow", "--listen", port, "--rate", "2M"}));
        port = port_of(*server);
    };
    start_server();
    for (int round = 0; round < 12; ++round) {
        if (!mirror) mirror.emplace(evlog({"import", copy(), "--follow", "--connect", port}));
        for (int i = 0; i < 600; ++i) publish("a.b", std::string(random.below(200), 'y') + std::to_string(i));
        const evbus::seq_t before = last_seq(copy());
        wait_until_last(copy(), before + 1, *mirror); // something of it came
        ::usleep(static_cast<useconds_t>(random.below(3000)));
        if (random.one_in(2)) {
            mirror->kill();
            mirror.reset();
        } else {
            server->kill();
            start_server();
        }
    }
    if (!mirror) mirror.emplace(evlog({"import", copy(), "--follow", "--connect", port}));
    const evbus::seq_t head = bus->head();
    wait_written(head - 1);
    wait_until_last(copy(), head - 1, *mirror);
    mirror->signal(SIGTERM);
    CHECK(mirror->wait().code == 0);
    server->signal(SIGTERM);
    CHECK(server->wait().code == 0);
    CHECK(end(recorder) == 0);
    check_copy();
}
