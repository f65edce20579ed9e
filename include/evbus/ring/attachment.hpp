// One process's way into one ring: both objects mapped, every size checked.
//
// Whoever may write maps ctl for writing; only publishers and recorders map the ring for writing, so
// that a stray pointer in a subscriber cannot spoil it. An attachment is shared by all handles made
// from it and may be used by several threads: it only hands out addresses.
#pragma once

#include <evbus/detail/fork_guard.hpp>
#include <evbus/detail/probe.hpp>
#include <evbus/ring/description.hpp>
#include <evbus/ring/shm.hpp>
#include <evbus/ring/words.hpp>

#include <memory>
#include <string>

namespace evbus {
inline namespace v1 {
namespace ring {

class attachment {
public:
    /// Attaches to the bus, or throws: not_found, permission, or one of the errors of a ring that is
    /// not what it should be. `ring_access` read_write is for who publishes.
    /// `ctl_access` read_only is for who only looks on: it takes no place and repairs nothing, even if it might.
    [[nodiscard]] static std::shared_ptr<attachment> open(const std::string& bus, access ring_access,
                                                          access ctl_access = access::read_write) {
        check_bus_name(bus);
        // A bus that is removed and created again between our two opens shows the old ring with its
        // ctl gone; the next look shows the new one.
        for (int tries = 0;; ++tries) {
            std::shared_ptr<attachment> attached(new attachment);
            if (attached->open_once(bus, ring_access, ctl_access)) return attached;
            if (tries == 100)
                throw error(errc::damaged, {"attach to bus", shm_path(ring_object(bus)),
                                            "the ring is there, but its control object is gone",
                                            "remove the rest with evctl remove --force and create the bus anew"});
        }
    }

    [[nodiscard]] const checked_description& description() const noexcept { return description_; }
    [[nodiscard]] const std::string& name() const noexcept { return description_.name; }
    [[nodiscard]] const geometry& shape() const noexcept { return shape_; }
    [[nodiscard]] seq_t first_seq() const noexcept { return description_.raw.first_seq; }

    [[nodiscard]] ring_header& ring() const noexcept { return *ring_; }
    [[nodiscard]] ctl_header& ctl() const noexcept { return *ctl_; }
    [[nodiscard]] member_entry& member(member_no n) const noexcept { return members_[to_u16(n) % member_count]; }
    [[nodiscard]] latency_table& latencies() const noexcept { return *latencies_; }
    /// The words of the slot in which `seq` lives; the first one is its slot word.
    [[nodiscard]] shared_word* slot(seq_t seq) const noexcept {
        return reinterpret_cast<shared_word*>(slots_ + shape_.index(seq) * shape_.slot_bytes());
    }

    /// May this process write ctl (be a member, set flags, repair)?
    [[nodiscard]] bool may_write() const noexcept { return may_write_; }
    [[nodiscard]] bool ring_is_writable() const noexcept { return ring_access_ == access::read_write; }
    /// A description of ctl that holds no lock: the one to test others' locks on.
    [[nodiscard]] int test_fd() const noexcept { return ctl_file_.fd(); }
    [[nodiscard]] std::string ctl_name() const { return ctl_object(name(), description_.epoch()); }
    /// True in a forked child that inherited this attachment.
    [[nodiscard]] bool in_child() const noexcept { return guard_.in_child(); }

    /// Looks whether the bus's name still leads to this ring (the file was not removed or replaced).
    [[nodiscard]] bool is_current() const noexcept {
        struct stat named {};
        return ::stat(shm_path(ring_object(name())).c_str(), &named) == 0 && named.st_ino == ring_inode_;
    }

private:
    attachment() = default;

    bool open_once(const std::string& bus, access ring_access, access ctl_access) {
        const std::string path = shm_path(ring_object(bus));
        ring_access_ = ring_access;
        const shm_file ring = shm_file::try_open(ring_object(bus), ring_access);
        if (!ring) refuse_open(path, errno);
        const struct stat ring_stat = ring.status();
        description_ = read_description(ring.fd(), ring_stat, path);
        mark(probe::attach_opened);
        if (description_.name != bus)
            throw error(errc::mismatch, {"attach to bus", path, "it says that it is bus '" + description_.name + "'",
                                         "do not rename rings; remove it and create the bus anew"});
        check_mode(ring_stat, path);
        shape_ = description_.shape();
        ring_inode_ = ring_stat.st_ino;
        if (!open_ctl(ring_stat, ctl_access)) return false;

        ring_region_ = map(ring, ring_access, description_.raw.file_bytes);
        ctl_region_ = map(ctl_file_, may_write_ ? access::read_write : access::read_only, ctl_bytes);
        ring_ = static_cast<ring_header*>(ring_region_.get_address());
        slots_ = static_cast<std::byte*>(ring_region_.get_address()) + sizeof(ring_header);
        ctl_ = static_cast<ctl_header*>(ctl_region_.get_address());
        members_ = reinterpret_cast<member_entry*>(static_cast<std::byte*>(ctl_region_.get_address()) + sizeof(ctl_header));
        latencies_ = reinterpret_cast<latency_table*>(static_cast<std::byte*>(ctl_region_.get_address()) + latency_offset);
        touch_pages(ring_region_, ring_access);
        mark(probe::attach_mapped);
        return true;
    }

    [[noreturn]] static void refuse_open(const std::string& path, int e) {
        if (e == ENOENT)
            throw error(errc::not_found, {"attach to bus", path, "there is no such bus",
                                          "create it with evctl create, or start evrecord or evpub on it; "
                                          "evctl list shows what is there"});
        detail::throw_errno(e, "attach to bus", path,
                            e == EACCES ? "ask its owner, or create buses with --group read or write" : "");
    }

    static checked_description read_description(int fd, const struct stat& s, const std::string& path) {
        ring_preamble preamble{};
        if (!S_ISREG(s.st_mode))
            throw error(errc::not_a_bus, {"attach to bus", path, "it is not a regular file", "remove it"});
        const ssize_t n = ::pread(fd, &preamble, sizeof preamble, 0);
        if (n < 0) detail::throw_errno(errno, "attach to bus", path);
        if (static_cast<std::size_t>(n) < sizeof preamble || static_cast<std::uint64_t>(s.st_size) < sizeof(ring_header))
            throw error(errc::cut_short, {"attach to bus", path,
                                          "it has only " + std::to_string(s.st_size) + " bytes, less than a ring's header",
                                          "remove it with evctl remove --force and create the bus anew"});
        return check_description(preamble, static_cast<std::uint64_t>(s.st_size), path);
    }

    /// The mode on disk must be the one chosen at creation: a wider one would let strangers write.
    void check_mode(const struct stat& s, const std::string& path) const {
        if ((s.st_mode & 0777) == description_.raw.mode) return;
        char text[64];
        std::snprintf(text, sizeof text, "its mode is %03o, but it was created with %03o", s.st_mode & 0777U,
                      description_.raw.mode & 0777U);
        throw error(errc::mismatch, {"attach to bus", path, text, "set the mode back with chmod, if you trust what is in it"});
    }

    bool open_ctl(const struct stat& ring_stat, access ctl_access) {
        const std::string object = ctl_object(description_.name, description_.epoch());
        const std::string path = shm_path(object);
        ctl_file_ = shm_file::try_open(object, ctl_access);
        may_write_ = ctl_file_ && ctl_access == access::read_write;
        if (!ctl_file_ && errno == EACCES) ctl_file_ = shm_file::try_open(object, access::read_only);
        if (!ctl_file_) {
            if (errno == ENOENT) return false;
            refuse_open(path, errno);
        }
        const struct stat s = ctl_file_.status();
        if (s.st_uid != ring_stat.st_uid || s.st_gid != ring_stat.st_gid)
            throw error(errc::mismatch, {"attach to bus", path, "it belongs to another user or group than its ring",
                                         "remove both with evctl remove --force and create the bus anew"});
        check_mode(s, path);
        if (static_cast<std::uint64_t>(s.st_size) != ctl_bytes)
            throw error(errc::cut_short, {"attach to bus", path,
                                          "it has " + std::to_string(s.st_size) + " bytes instead of " + std::to_string(ctl_bytes),
                                          "remove it with evctl remove --force and create the bus anew"});
        check_ctl_header(path);
        return true;
    }

    void check_ctl_header(const std::string& path) const {
        std::uint64_t head[8] = {};
        std::uint32_t latency[3] = {};
        if (::pread(ctl_file_.fd(), head, sizeof head, 0) != static_cast<ssize_t>(sizeof head) ||
            ::pread(ctl_file_.fd(), latency, sizeof latency, offsetof(ctl_header, latency_offset)) != static_cast<ssize_t>(sizeof latency))
            detail::throw_errno(errno, "attach to bus", path);
        std::uint32_t narrow[2];
        std::memcpy(narrow, &head[1], sizeof narrow);
        std::uint32_t table[4];
        std::memcpy(table, &head[6], sizeof table);
        const char* const recreate = "remove it with evctl remove --force and create the bus anew";
        if (head[0] != ctl_magic) throw error(errc::not_a_bus, {"attach to bus", path, "it is no evbus control object", recreate});
        if (narrow[0] != byte_order_mark)
            throw error(errc::byte_order, {"attach to bus", path, "it was written on a machine of the other byte order", recreate});
        if (narrow[1] != ring_format_version)
            throw error(errc::wrong_version, {"attach to bus", path,
                                              "it has layout version " + std::to_string(narrow[1]) + ", this library knows " +
                                                  std::to_string(ring_format_version),
                                              "use the same library in all processes"});
        if ((head[3] & ~known_incompatible) != 0)
            throw error(errc::unknown_feature, {"attach to bus", path, "it uses feature bits that this library does not know",
                                                "use a newer library"});
        if (head[3] != description_.raw.incompatible || head[5] != description_.raw.epoch || head[4] != ctl_bytes ||
            table[0] != sizeof(ctl_header) ||
            table[1] != sizeof(member_entry) || table[2] != member_count || latency[0] != latency_offset ||
            latency[1] != sizeof(latency_words) || latency[2] != latency_readers)
            throw error(errc::bad_geometry, {"attach to bus", path, "its header contradicts its ring", recreate});
    }

    checked_description description_;
    geometry shape_;
    detail::fork_guard guard_;
    access ring_access_ = access::read_only;
    bool may_write_ = false;
    ino_t ring_inode_ = 0;
    shm_file ctl_file_;
    bip::mapped_region ring_region_;
    bip::mapped_region ctl_region_;
    ring_header* ring_ = nullptr;
    ctl_header* ctl_ = nullptr;
    member_entry* members_ = nullptr;
    latency_table* latencies_ = nullptr;
    std::byte* slots_ = nullptr;
};

} // namespace ring
} // namespace v1
} // namespace evbus
