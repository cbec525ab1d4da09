//! What the simulated guests have to say.

/// Something a guest wants.
pub(super) struct Script {
    pub(super) guest: &'static str,
    pub(super) department: &'static str,
    /// What they begin with.
    pub(super) first: &'static str,
    /// What they say after each answer.
    pub(super) then: &'static [&'static str],
}

const fn script(
    guest: &'static str,
    department: &'static str,
    first: &'static str,
    then: &'static [&'static str],
) -> Script {
    Script { guest, department, first, then }
}

/// All of them.
pub(super) const SCRIPTS: &[Script] = &[
    script(
        "amelia",
        "reception",
        "Hi, is there a bus to the old town on Sundays?",
        &["And where does it stop?", "Lovely, thank you!"],
    ),
    script(
        "muller",
        "reception",
        "Guten Tag, könnten Sie uns für morgen 8 Uhr ein Taxi zum Bahnhof bestellen?",
        &["Zwei Personen und drei Koffer.", "Prima, danke schön!"],
    ),
    script(
        "kim",
        "housekeeping",
        "Hello, could I get an iron and an ironing board in 111?",
        &["Before six would be great, I have a dinner.", "Thank you!"],
    ),
    script(
        "garcia",
        "restaurant",
        "Hola, ¿el menú de hoy tiene alguna opción vegana?",
        &["Perfecto. ¿Podemos cenar a las nueve?", "Somos dos. ¡Gracias!"],
    ),
    script(
        "wilson",
        "reception",
        "Morning! My daughter left her stuffed koala at breakfast, has anyone handed it in?",
        &["Grey, about 20 cm, answers to Bruce.", "You've saved the holiday. Thank you!!"],
    ),
    script(
        "dupont",
        "room_service",
        "Bonsoir, pourrais-je avoir une omelette et une eau gazeuse ?",
        &["Nature, s’il vous plaît. Chambre 103.", "Parfait, merci."],
    ),
    script(
        "chen",
        "reception",
        "你好，请问可以延迟到下午两点退房吗？",
        &["需要加多少钱？", "好的，谢谢！"],
    ),
    script(
        "popescu",
        "housekeeping",
        "The light in the bathroom of 304 is flickering.",
        &["I'm in the room now, somebody can come any time."],
    ),
    script(
        "nguyen",
        "restaurant",
        "Good evening, may I move our table from 7 to 8 pm? The name is Nguyen.",
        &["Still two people, yes.", "Thank you so much."],
    ),
    script(
        "johansson",
        "room_service",
        "Two cinnamon buns and a pot of coffee to 302, please.",
        &["Whenever it suits you, we're not in a hurry."],
    ),
    script(
        "ferrari",
        "restaurant",
        "Buonasera, avete un menù per bambini?",
        &["Ottimo. Un seggiolone per la piccola?", "Grazie, a dopo!"],
    ),
    script(
        "oconnor",
        "room_service",
        "Would you have a hot water bottle? It's a cold one tonight.",
        &["203. You're very kind."],
    ),
    script(
        "virtanen",
        "housekeeping",
        "Hi! Could we have one more set of bed linen for the sofa bed in 502?",
        &["Tonight after 8 is fine. Kiitos!"],
    ),
    script(
        "alhassan",
        "restaurant",
        "مساء الخير، هل لديكم طاولة لستة أشخاص الساعة الثامنة؟",
        &["نعم، مع كرسيين للأطفال من فضلكم.", "شكرًا لكم!"],
    ),
    script(
        "sharma",
        "housekeeping",
        "नमस्ते, क्या कमरा 210 में एक और कंबल मिल सकता है?",
        &["जी, अभी भेज दीजिए। धन्यवाद!"],
    ),
    script(
        "tanaka",
        "room_service",
        "すみません、部屋に緑茶を2つお願いできますか？",
        &["501号室です。", "ありがとうございます。"],
    ),
    script(
        "davies",
        "reception",
        "Hiya, is the pool heated? The kids are asking every two minutes",
        &[
            "28 degrees?! They're already in their trunks. What time does it close?",
            "Brilliant, cheers!",
        ],
    ),
    script(
        "kowalska",
        "restaurant",
        "Dzień dobry, do której godziny jest śniadanie?",
        &["Dziękuję bardzo!"],
    ),
    script(
        "yilmaz",
        "reception",
        "Merhaba, is it possible to get a receipt with the VAT number for my company?",
        &["The company is Yılmaz Tekstil, Bursa.", "Teşekkür ederim!"],
    ),
    script(
        "andersen",
        "reception",
        "Hi, what time is the last cable car down the mountain today?",
        &["And does the ticket include the bus back?", "Great, tak!"],
    ),
    script(
        "silva",
        "housekeeping",
        "Boa noite, o secador de cabelo do 401 não liga.",
        &["Pode deixar na porta. Obrigado!"],
    ),
    script(
        "huber",
        "room_service",
        "Servus, zwei Bier und was zum Knabbern auf 106, bitte!",
        &["Gern vom Fass, wenn's geht.", "Danke!"],
    ),
    script(
        "meier",
        "housekeeping",
        "Grüezi, chönnted Sie bi eus d’Minibar uffülle? Zimmer 212.",
        &["Merci vielmal!"],
    ),
    script(
        "thompson",
        "room_service",
        "Do you do pancakes for kids? Asking for a friend. He is six.",
        &["With maple syrup please! Room 104.", "He says you are the best hotel in the world."],
    ),
    script(
        "bernard",
        "reception",
        "Bonjour, est-ce que vous prêtez des poussettes ?",
        &["Pour demain matin, si possible.", "Merci infiniment !"],
    ),
    script(
        "fischer",
        "housekeeping",
        "Hallo, in 405 riecht es im Bad leider etwas aus dem Abfluss.",
        &["Ich bin ab 15 Uhr unterwegs, dann passt es gut."],
    ),
    script(
        "ramirez",
        "room_service",
        "Hola, ¿me pueden subir una tabla de quesos a la 108?",
        &["Con una copa de vino blanco, por favor.", "¡Gracias!"],
    ),
    script(
        "walker",
        "reception",
        "Hello! Could somebody help with my ski boots? One buckle is stuck.",
        &["I'll bring it down in ten minutes."],
    ),
    script(
        "costa",
        "reception",
        "Buongiorno, dove si possono comprare i biglietti per il treno panoramico?",
        &["Per sabato, due adulti.", "Grazie mille!"],
    ),
    script(
        "haddad",
        "restaurant",
        "Bonsoir, le plat du jour contient-il du vin ?",
        &["D’accord, alors le poisson. Merci !"],
    ),
    script(
        "novak",
        "housekeeping",
        "Dobrý den, could we get two bathrobes for the sauna, room 208?",
        &["Size M and L, please. Děkuji!"],
    ),
    script(
        "devries",
        "room_service",
        "Hoi! One more apple cake with cream to 107? It was too good.",
        &["And a fork more this time, my wife found out."],
    ),
    script(
        "santos",
        "reception",
        "Boa tarde, há algum concerto na cidade este fim de semana?",
        &["Dois bilhetes para sábado, por favor.", "Muito obrigada!"],
    ),
    script(
        "ito",
        "reception",
        "こんにちは、傘を貸していただけますか？",
        &["2本お願いします。", "助かります、ありがとうございます。"],
    ),
    script(
        "martinez",
        "management",
        "Hola, quería agradecerles: el equipo de recepción ha sido maravilloso.",
        &["Se lo merecen. ¡Volveremos!"],
    ),
    script("brown", "reception", "Quick one: what's the gym code?", &["Thanks, you rock"]),
    script(
        "schneider",
        "restaurant",
        "Guten Abend, ist die Terrasse heute Abend geheizt?",
        &["Dann bitte einen Tisch für drei um 19 Uhr."],
    ),
    script(
        "okafor",
        "housekeeping",
        "Good afternoon, could my shirt be laundered by tomorrow noon? Room 110.",
        &["One white shirt, light starch. Thank you."],
    ),
];

/// What a guest says when there is nothing more to say.
pub(super) fn thanks(language: &str) -> &'static str {
    match language {
        "de" => "Vielen Dank!",
        "fr" => "Merci beaucoup !",
        "it" => "Grazie mille!",
        "es" => "¡Muchas gracias!",
        "pt" => "Muito obrigado!",
        "nl" => "Dank u wel!",
        "ja" => "ありがとうございます。",
        "hi" => "बहुत धन्यवाद!",
        "ar" => "شكرًا جزيلاً!",
        "zh" => "谢谢！",
        "pl" => "Dziękuję!",
        "tr" => "Teşekkürler!",
        "sv" => "Tack så mycket!",
        "da" => "Mange tak!",
        "fi" => "Kiitos!",
        "cs" => "Děkuji!",
        _ => "Great, thank you!",
    }
}

/// What a guest says who has waited for long.
pub(super) fn nudge(language: &str) -> &'static str {
    match language {
        "de" => "Hallo, ist jemand da?",
        "fr" => "Bonjour, y a-t-il quelqu’un ?",
        "it" => "C’è qualcuno?",
        "es" => "¿Hay alguien ahí?",
        "pt" => "Está aí alguém?",
        "ja" => "どなたかいらっしゃいますか？",
        "hi" => "क्या कोई है?",
        "ar" => "هل من أحد؟",
        "zh" => "请问有人在吗？",
        "pl" => "Czy ktoś tam jest?",
        _ => "Hello, is anybody there?",
    }
}
