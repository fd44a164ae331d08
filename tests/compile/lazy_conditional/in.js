get($.ok ? '/a' : $.other ?? '/b');
