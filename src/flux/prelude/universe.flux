package universe

option now = _now
option location = {zone: "UTC", offset: 0h}
