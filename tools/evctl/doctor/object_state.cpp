#include "tools/evctl/doctor/object_state.hpp"

#include <evbus/ring/create.hpp>
#include <evbus/ring/liveness.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include <sys/stat.h>
#include <unistd.h>

namespace evctl::doctor {
namespace {

namespace ring = evbus::ring;

constexpr std::string_view prefix = "evbus.";
constexpr std::string_view ring_end = ".ring";
constexpr std::string_view ctl_mark = ".ctl-";

// The bus that an object of this name would belong to.
std::optional<std::string> bus_of(const std::string& object) {
    if (!object.starts_with(prefix)) return std::nullopt;
    std::string name = object.substr(prefix.size());
    const std::size_t mark = name.rfind(ctl_mark);
    std::uint64_t epoch = 0;
    if (name.ends_with(ring_end)) name.resize(name.size() - ring_end.size());
    else if (mark != std::string::npos && name.size() == mark + ctl_mark.size() + 16 &&
             evbus::detail::parse_hex64(name.substr(mark + ctl_mark.size()), epoch))
        name.resize(mark);
    else return std::nullopt;
    if (!ring::valid_bus_name(name)) return std::nullopt;
    return name;
}

// An entry of the table without an attachment: the ctl of a ring that is gone has none.
holder read_holder(int fd, std::uint16_t number) {
    holder h{number, 0, {}};
    const off_t at = static_cast<off_t>(sizeof(ring::ctl_header) + std::size_t{number} * sizeof(ring::member_entry));
    char name[40] = {};
    std::uint32_t pid = 0;
    static_assert(offsetof(ring::member_entry, pid) == 4);
    if (::pread(fd, &pid, sizeof pid, at + 4) == sizeof pid) h.pid = pid;
    if (::pread(fd, name, sizeof name - 1, at + static_cast<off_t>(offsetof(ring::member_entry, name))) > 0) h.name = name;
    return h;
}

ctl_facts look_at_ctl(object_facts object, const std::string& bus) {
    ctl_facts facts;
    std::uint64_t epoch = 0;
    if (evbus::detail::parse_hex64(object.name.substr(ring::ctl_prefix(bus).size()), epoch)) facts.epoch = static_cast<evbus::epoch_t>(epoch);
    facts.object = std::move(object);
    const ring::shm_file file = ring::shm_file::try_open(facts.object.name, ring::access::read_only);
    facts.readable = static_cast<bool>(file) && facts.object.regular;
    if (!facts.readable) return facts;
    facts.in_making = ring::byte_is_held(file.fd(), ring::creation_lock_byte);
    for (std::uint64_t from = 1; from <= ring::recorder_lock_byte;) {
        const std::int64_t held = ring::first_held_byte(file.fd(), from, ring::recorder_lock_byte + 1 - from);
        if (held < 0) break;
        if (static_cast<std::uint64_t>(held) < evbus::member_count) facts.holders.push_back(read_holder(file.fd(), static_cast<std::uint16_t>(held)));
        else facts.holders.push_back({static_cast<std::uint16_t>(held), 0, "recorder"});
        from = static_cast<std::uint64_t>(held) + 1;
    }
    return facts;
}

std::string text_of(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

} // namespace

std::optional<object_facts> look_at_object(const std::string& object) {
    struct stat s {};
    struct stat dir {};
    if (::lstat(ring::shm_path(object).c_str(), &s) != 0) return std::nullopt;
    const unsigned self = ::geteuid();
    const bool dir_is_mine = ::stat(ring::shm_directory, &dir) == 0 && dir.st_uid == self;
    return object_facts{object, s.st_uid, s.st_gid, s.st_mode & 07777U, static_cast<std::uint64_t>(s.st_size),
                        static_cast<std::uint64_t>(s.st_blocks) * 512, s.st_ino, S_ISREG(s.st_mode),
                        self == 0 || self == s.st_uid || dir_is_mine};
}

std::vector<ctl_facts> look_at_ctls(const std::string& bus) {
    std::vector<ctl_facts> all;
    for (const std::string& name : ring::ctl_objects(bus))
        if (std::optional<object_facts> object = look_at_object(name)) all.push_back(look_at_ctl(*std::move(object), bus));
    return all;
}

bool is_stopped_user_of(std::uint32_t pid, const std::string& object) {
    if (pid == 0) return false;
    const std::string proc = "/proc/" + std::to_string(pid);
    // A pid of another namespace is somebody else's here: only who has the object mapped is meant.
    if (text_of(proc + "/maps").find(object) == std::string::npos) return false;
    const std::string stat = text_of(proc + "/stat");
    const std::size_t end = stat.rfind(')');
    return end != std::string::npos && end + 2 < stat.size() && (stat[end + 2] == 'T' || stat[end + 2] == 't');
}

std::vector<std::string> names_in_shm(std::vector<object_facts>& strangers) {
    std::set<std::string> names;
    std::error_code fault;
    for (const auto& entry : std::filesystem::directory_iterator(ring::shm_directory, fault)) {
        const std::string object = entry.path().filename().string();
        if (!object.starts_with(prefix)) continue;
        if (const std::optional<std::string> bus = bus_of(object)) names.insert(*bus);
        else if (std::optional<object_facts> stranger = look_at_object(object)) strangers.push_back(*std::move(stranger));
    }
    return {names.begin(), names.end()};
}

} // namespace evctl::doctor
