// A state machine that survives anything: balances, kept in memory, written down now and then. After a crash it
// loads the newest snapshot, checks it, and replays what came behind it. Needs a recorder (evrecord accounts).
//
//   example_state_machine deposit alice 50     publishes; prints nothing
//   example_state_machine run [crash]          rebuilds, follows to the end, keeps a snapshot, prints the balances;
//                                              crash: ends without having kept one
#include <evbus/evbus.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>

namespace {

using namespace std::chrono_literals;

struct accounts {
    std::map<std::string, long> balances;

    void apply(const evbus::event& e) { balances[std::string(e.topic().substr(e.topic().rfind('.') + 1))] += std::stol(std::string(e.text())); }

    [[nodiscard]] std::string text() const {
        std::ostringstream out;
        for (const auto& [who, amount] : balances) out << who << ' ' << amount << '\n';
        return out.str();
    }
    void load(const std::string& text) {
        std::istringstream in(text);
        std::string who;
        for (long amount; in >> who >> amount;) balances[who] = amount;
    }
};

std::uint64_t hash_of(const std::string& text) { return evbus::content_hash(std::as_bytes(std::span(text))); }

std::string read_file(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// On disk, name and all, when it returns: an anchor must not refer to what a power cut can take away.
void write_durably(const std::string& path, const std::string& text) {
    const auto check = [&](bool fine) {
        if (!fine) throw std::system_error(errno, std::generic_category(), path);
    };
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    check(file >= 0);
    check(::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    check(::fsync(file) == 0);
    ::close(file);
    const int dir = ::open(std::filesystem::path(path).parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    check(dir >= 0);
    check(::fsync(dir) == 0);
    ::close(dir);
}

void run(const evbus::bus& bus, bool crash) {
    accounts state;
    evbus::from begin = evbus::from::oldest();
    if (const std::optional<evbus::anchor> a = evbus::newest_anchor(bus)) {
        const std::string snapshot = read_file(a->reference);
        if (hash_of(snapshot) != a->content_hash) throw std::runtime_error(a->reference + ": not what the anchor says");
        state.load(snapshot);
        begin = evbus::from::place(a->place()); // this anchor's: there may be a newer one by now
        std::cout << "snapshot at seq " << a->seq << '\n';
    }
    evbus::consumer in(bus, {.filters = {"deposit.*"}, .from = begin});
    const evbus::seq_t head = bus.head();
    std::size_t replayed = 0;
    const auto on_event = [&](const evbus::event& e) {
        state.apply(e);
        ++replayed;
    };
    const auto on_gap = [](const evbus::gap& g) { throw std::runtime_error("events are missing from seq " + std::to_string(g.range.first) + " on"); };
    while (in.next() < head)
        if (in.poll(on_event, on_gap) != evbus::consume_status::delivered) in.wait(10ms);
    std::cout << "replayed " << replayed << '\n' << state.text() << std::flush;
    if (crash) std::_Exit(0);

    const evbus::seq_t last = in.place().next - 1;
    const std::string path = bus.log_dir() + "/snapshot-" + std::to_string(last);
    write_durably(path, state.text());
    if (!bus.wait_durable(last, 10s)) throw std::runtime_error("the recorder is behind");
    evbus::put_anchor(bus, {.seq = last, .reference = path, .content_hash = hash_of(state.text()), .walk_from = in.place().walk_from});
}

} // namespace

int main(int argc, char** argv) try {
    const std::vector<std::string> args(argv + 1, argv + argc);
    const evbus::bus bus = evbus::bus::open_or_create("accounts");
    if (args.size() == 3 && args[0] == "deposit") {
        evbus::publisher out(bus, {.name = "teller"});
        return out.publish(evbus::topic("deposit." + args[1]), std::string_view(args[2])) ? 0 : 1;
    }
    run(bus, args.size() == 2 && args[1] == "crash");
} catch (const std::exception& e) {
    std::cerr << e.what() << '\n';
    return 1;
}
