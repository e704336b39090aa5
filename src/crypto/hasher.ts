// Selects the native SHA-256 for SSZ. A module of its own, because it must run before SSZ is imported.

import { setHasher } from '@chainsafe/persistent-merkle-tree'
import { hasher } from '@chainsafe/persistent-merkle-tree/hasher/hashtree'

setHasher(hasher)
