// nothing to do yet
