import Hummingbird
import JWTKit
import Logging
